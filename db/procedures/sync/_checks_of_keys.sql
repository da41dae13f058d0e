create or replace function tandem._checks_of_keys(p_mapping text)
returns table (
    ordinal integer, check_name text, expected bigint, actual bigint, detail text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_checks_of_keys$
declare
    r_level record;
begin
    perform pg_catalog.set_config('search_path', tandem._path_of(p_mapping), true);
    expected := 0;
    -- a table at a time
    for r_level in select * from tandem._levels(p_mapping) as l
    loop
        if r_level.parent is not null then
            ordinal := 79 + r_level.ordinal;
            check_name := pg_catalog.format('every %s has its %s', r_level.name, r_level.above);
            detail := 'rows without a parent';
            execute pg_catalog.format(
                'select pg_catalog.count(*) from %s as one '
                'where not exists (select from %s as other where other.%I = one.%I)',
                r_level.relation, r_level.above_relation, r_level.above_id, r_level.parent
            ) into actual;
            return next;
        end if;
        continue when r_level.is_leaf;
        ordinal := 100 + r_level.ordinal;
        check_name := pg_catalog.format('%s keys unique', r_level.name);
        detail := 'natural keys that occur twice';
        execute pg_catalog.format(
            'select pg_catalog.count(*) from ('
            'select from %s as one group by %s having pg_catalog.count(*) > 1) as twice',
            r_level.relation, (
                select pg_catalog.string_agg(pg_catalog.format('one.%I', k.name), ', ')
                from pg_catalog.unnest(r_level.parent || r_level.key_columns) as k (name)
                where k.name is not null
            )
        ) into actual;
        return next;
    end loop;
end
$_checks_of_keys$;

comment on function tandem._checks_of_keys(text) is
'The checks of tandem.validate that look at the hierarchy''s keys.';
