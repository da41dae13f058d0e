create view tandem.import_metrics_by_hour as
select
    pg_catalog.date_trunc('hour', o.ended_at) as hour,
    o.mapping,
    o.importer,
    pg_catalog.count(*) as jobs,
    pg_catalog.count(*) filter (where o.outcome = 'failed') as failed_jobs,
    pg_catalog.round(
        100.0 * pg_catalog.count(*) filter (where o.outcome = 'succeeded') / pg_catalog.count(*), 2
    ) as success_rate,
    pg_catalog.sum(o.row_count)::bigint as row_count,
    pg_catalog.sum(o.failed_rows)::bigint as failed_rows,
    pg_catalog.round(
        100.0 * pg_catalog.sum(o.failed_rows) / nullif(pg_catalog.sum(o.row_count), 0), 2
    ) as error_rate,
    pg_catalog.round(pg_catalog.avg(o.seconds), 3) as mean_seconds
from tandem._import_outcomes(null, null) as o
where o.outcome in ('succeeded', 'failed')
group by 1, 2, 3
order by 1 desc, 2, 3;

comment on view tandem.import_metrics_by_hour is
'A row per hour, mapping and importer (new or old), the newest first: the imports that ended in '
'that hour (jobs), how many of them failed, success_rate (percent of jobs that ended done), rows '
'looked at and failed, error_rate (percent of rows), mean_seconds from start to end. Cancelled '
'ones and dry runs do not count. Readers may read it. Example: select hour, success_rate, '
'error_rate from tandem.import_metrics_by_hour where hour > now() - interval ''48 hours'';';
