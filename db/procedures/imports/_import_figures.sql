create or replace function tandem._import_figures(p_mapping text, p_importer text, p_days integer)
returns table (imports bigint, mean_seconds numeric, success_rate numeric, error_rate numeric)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_import_figures$
    select
        pg_catalog.count(*),
        pg_catalog.round(
            pg_catalog.avg(o.seconds) filter (where o.outcome = 'succeeded'), 3
        ),
        pg_catalog.round(100.0 * pg_catalog.count(*) filter (where o.outcome = 'succeeded')
            / nullif(pg_catalog.count(*), 0), 2),
        pg_catalog.round(
            100.0 * pg_catalog.sum(o.failed_rows) / nullif(pg_catalog.sum(o.row_count), 0), 2
        )
    from tandem._import_outcomes(
        p_mapping, pg_catalog.clock_timestamp() - pg_catalog.make_interval(days => p_days)
    ) as o
    where o.importer = p_importer and o.outcome in ('succeeded', 'failed')
$_import_figures$;

comment on function tandem._import_figures(text, text, integer) is
'The imports of a mapping that ended in so many days, by the new or the old path: how many, mean '
'seconds of those that succeeded, percent that succeeded, percent of rows that failed.';
