create or replace function tandem.find_duplicates(p_mapping text, p_limit integer default 100)
returns table (
    part text, table_name text, blocks boolean, reason text, key text, rows bigint, ids text[],
    samples text[]
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $find_duplicates$
begin
    perform tandem._check_range('p_limit', coalesce(p_limit, 0), 1, 1000000);
    perform tandem._require_import(p_mapping);
    return query
    select
        g.part, g.relation::text, g.is_blocking, g.reason, g.key, g.rows, g.ids, g.samples
    from tandem._duplicate_groups(p_mapping, p_limit, true) as g;
end
$find_duplicates$;

comment on function tandem.find_duplicates(text, integer) is
'Rows that are not deleted and have one key, in the tables of an import: a row per group, the '
'largest first, at most p_limit of each table and reason. reason: exact, the names are the same; '
'normalised, they are the same to tandem.import_key. blocks: the unique index that prepare builds '
'forbids the group; where a table is matched exactly, names that only look the same are a note. Of '
'a variant the key is what it refers to. ids: the first 100. Reads only. Operators may call it. '
'Example: select * from tandem.find_duplicates(''items'');';
