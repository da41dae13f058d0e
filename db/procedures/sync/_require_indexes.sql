-- Everything is right without the indexes, and so slow that it never ends: each row that is looked
-- up by its id is a scan of the flat table.
create or replace function tandem._require_indexes(p_mapping text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_require_indexes$
declare
    v_missing text;
    v_statements text;
    v_is_taken boolean;
begin
    select pg_catalog.string_agg(i.name, '; ' order by i.ordinal),
        pg_catalog.string_agg(i.statement, ' ' order by i.ordinal),
        pg_catalog.bool_or(i.fault not in ('absent', 'is invalid'))
    into v_missing, v_statements, v_is_taken
    from tandem._index_statements(p_mapping) as i;
    if v_missing is null then
        return;
    end if;
    raise exception 'mapping % is not prepared: its indexes are missing', p_mapping
    using errcode = 'TD003',
        detail = pg_catalog.format('Missing: %s.', v_missing),
        hint = pg_catalog.format(
            'Unless they are being built now, send each statement alone (pgtandem prepare and the '
            'bundle''s second file do)%s: %s',
            case when v_is_taken then ', after what has such a name already was renamed or '
                'dropped by hand' end,
            v_statements
        );
end
$_require_indexes$;

comment on function tandem._require_indexes(text) is
'Raises TD003, with the statements to run, where an index of a mapping is missing or invalid.';
