create or replace function tandem._join_dated(p_first jsonb, p_second jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $_join_dated$
    select coalesce(pg_catalog.jsonb_object_agg(
        k.name, coalesce(p_first -> k.name, '[]') || coalesce(p_second -> k.name, '[]')
    ), '{}')
    from (
        select pg_catalog.jsonb_object_keys(p_first)
        union
        select pg_catalog.jsonb_object_keys(p_second)
    ) as k (name)
$_join_dated$;

comment on function tandem._join_dated(jsonb, jsonb) is
'Kept dated rows, an array for each satellite, of both.';
