-- While an index is built or rebuilt CONCURRENTLY, and after that was broken off, there are two of
-- the same form. ON CONFLICT looks at the valid one; a row that another session inserts in that
-- moment is met by the other. An index that is gone by now was such a twin. What a trigger raises
-- under this SQLSTATE names no index.
create or replace function tandem._is_key_conflict(
    p_mapping text, p_schema text, p_table text, p_index text
) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $_is_key_conflict$
    select exists (
        select
        from pg_catalog.jsonb_array_elements(
            (tandem._mapping_of(p_mapping)).definition -> 'made' -> 'indexes'
        ) as i (item)
        join pg_catalog.pg_class as t on t.oid = pg_catalog.to_regclass(i.item ->> 'relation')
        join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
        where (i.item ->> 'unique')::boolean
            and n.nspname = p_schema and t.relname = p_table and p_index <> ''
            and not exists (
                select from pg_catalog.pg_class as x
                where x.relnamespace = n.oid and x.relname = p_index
                    and tandem._index_form(x.oid) is distinct from i.item ->> 'form'
            )
    )
$_is_key_conflict$;

comment on function tandem._is_key_conflict(text, text, text, text) is
'Whether a unique violation, by its schema, table and index, is of a key that an import looks rows '
'up by: then another session was first, and another try sees its row.';
