create or replace function tandem._import_metrics()
returns table (metric text, labels jsonb, value double precision)
language sql stable
set search_path = pg_catalog, pg_temp
as $_import_metrics$
    select
        x.metric, pg_catalog.jsonb_build_object('mapping', q.mapping), x.value::double precision
    from tandem.import_queue as q
    cross join lateral (
        values
        ('tandem_imports_queued', q.queued::numeric), ('tandem_imports_running', q.running),
        ('tandem_imports_abandoned', q.nobody_at_it), ('tandem_imports_dead', q.dead),
        ('tandem_import_oldest_wait_seconds', coalesce(q.oldest_waits_seconds, 0))
    ) as x (metric, value)
    union all
    select
        'tandem_import_rows', pg_catalog.jsonb_build_object(
            'mapping', j.mapping, 'importer', j.importer, 'outcome', x.outcome
        ), x.value
    from (
        select
            i.mapping, i.importer, pg_catalog.sum(i.inserted) as inserted,
            pg_catalog.sum(i.updated) as updated, pg_catalog.sum(i.unchanged) as unchanged,
            pg_catalog.sum(i.superseded) as superseded, pg_catalog.sum(i.failed) as failed,
            pg_catalog.sum(i.suppressed) as suppressed
        from tandem.import_job as i
        where not i.is_dry_run
        group by i.mapping, i.importer
    ) as j
    cross join lateral (
        values
        ('inserted', j.inserted), ('updated', j.updated), ('unchanged', j.unchanged),
        ('superseded', j.superseded), ('failed', j.failed), ('suppressed', j.suppressed)
    ) as x (outcome, value)
$_import_metrics$;

comment on function tandem._import_metrics() is 'What tandem.metrics has of imports.';
