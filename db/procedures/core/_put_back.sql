-- Inserts a row from its json, whatever columns the table has now: those that were added since the
-- row was kept get their defaults, generated ones are left out. Off every hot path.
create or replace function tandem._put_back(
    p_table regclass, p_row json, p_over json, p_path text
) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_put_back$
declare
    v_columns text;
    v_count bigint;
begin
    select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by a.attnum)
    into v_columns
    from pg_catalog.pg_attribute as a
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        and a.attname in (
            select pg_catalog.json_object_keys(p_row)
            union all
            select pg_catalog.json_object_keys(p_over)
        );
    -- the application's own triggers inherit it
    perform pg_catalog.set_config('search_path', p_path, true);
    execute pg_catalog.format(
        'insert into %1$s (%2$s) overriding system value
        select %2$s
        from pg_catalog.json_populate_record(
            pg_catalog.json_populate_record(null::%1$s, $1), $2
        )
        on conflict do nothing',
        p_table, v_columns
    ) using p_row, p_over;
    get diagnostics v_count = row_count;
    return v_count > 0;
end
$_put_back$;

comment on function tandem._put_back(regclass, json, json, text) is
'Inserts a row from json, with the columns that the table has now; false where it was there. '
'p_over: values that are others now. p_path: the search path meanwhile, the mapping''s.';
