-- Calls, errors and mean time of one direction, since the server's statistics were last reset. A
-- call reads the empty table _<direction>_calls when it begins, and that of its class of duration
-- when it ends: the statistics count these reads, those of what was rolled back, too, and nobody
-- waits for anybody. What begins and does not end is an error.
create or replace function tandem._calls(
    p_schema text, p_direction text, out calls bigint, out errors bigint, out mean_ms numeric
)
language sql stable
set search_path = pg_catalog, pg_temp
as $_calls$
    with buckets as (
        select b.mean_us, tandem._reads(p_schema, p_direction || '_' || b.name) as times
        from (values
            ('100us', 60), ('300us', 180), ('1ms', 550), ('3ms', 1700), ('10ms', 5500),
            ('more', 20000)
        ) as b (name, mean_us)
    ),

    started as (
        select tandem._reads(p_schema, p_direction || '_calls') as times
    )

    select
        pg_catalog.max(started.times),
        greatest(0, pg_catalog.max(started.times) - pg_catalog.sum(buckets.times))::bigint,
        pg_catalog.round(
            pg_catalog.sum(buckets.times * buckets.mean_us)
            / nullif(pg_catalog.sum(buckets.times), 0) / 1000.0,
            3
        )
    from buckets
    cross join started
$_calls$;

comment on function tandem._calls(text, text) is
'Calls, errors and mean milliseconds of the sync triggers of one direction.';
