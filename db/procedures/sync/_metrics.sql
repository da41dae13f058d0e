create or replace function tandem._metrics()
returns table (metric text, labels jsonb, value double precision)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_metrics$
begin
    return query
    select m.metric, m.labels, m.value::double precision
    from tandem._status() as s
    cross join lateral (
        values
        ('tandem_phase', pg_catalog.jsonb_build_object('phase', s.phase), 1::numeric),
        ('tandem_rejected_rows', '{}', s.rejected_rows),
        ('tandem_kept_rows', '{}', s.kept_rows),
        ('tandem_due_rows', '{}', s.due_rows),
        ('tandem_overdue_rows', '{}', s.overdue_rows),
        ('tandem_stale', '{}', (s.stale is not null)::integer),
        ('tandem_sync_on', '{"direction": "flat_to_hierarchy"}',
            (s.flat_to_hierarchy = 'on')::integer),
        ('tandem_sync_on', '{"direction": "hierarchy_to_flat"}',
            (s.hierarchy_to_flat = 'on')::integer),
        ('tandem_sync_calls_total', '{"direction": "flat_to_hierarchy"}',
            s.flat_to_hierarchy_calls),
        ('tandem_sync_calls_total', '{"direction": "hierarchy_to_flat"}',
            s.hierarchy_to_flat_calls),
        ('tandem_sync_errors_total', '{"direction": "flat_to_hierarchy"}',
            s.flat_to_hierarchy_errors),
        ('tandem_sync_errors_total', '{"direction": "hierarchy_to_flat"}',
            s.hierarchy_to_flat_errors)
    ) as x (metric, labels, value)
    cross join lateral (
        select
            x.metric, pg_catalog.jsonb_build_object('mapping', s.mapping) || x.labels as labels,
            x.value
    ) as m
    where m.value is not null
    union all
    -- as a histogram of Prometheus: each class holds the quicker ones as well
    select
        'tandem_sync_seconds_bucket', pg_catalog.jsonb_build_object(
            'mapping', t.name, 'direction', d.name, 'le', b.seconds
        ),
        pg_catalog.sum(tandem._reads('tandem_' || t.name, d.short || '_' || b.name))
            over (partition by t.name, d.name order by b.ordinal)
    from tandem.mapping as t
    cross join (
        values ('flat_to_hierarchy', 'f2h'), ('hierarchy_to_flat', 'h2f')
    ) as d (name, short)
    cross join (
        values
        (1, '100us', '0.0001'), (2, '300us', '0.0003'), (3, '1ms', '0.001'),
        (4, '3ms', '0.003'), (5, '10ms', '0.01'), (6, 'more', '+Inf')
    ) as b (ordinal, name, seconds)
    where t.area = 'sync'
    union all
    select
        x.metric, pg_catalog.jsonb_build_object(
            'mapping', coalesce(r.mapping, ''), 'kind', r.kind
        ), x.value::double precision
    from (
        select
            n.kind, n.mapping, pg_catalog.count(*) as runs,
            pg_catalog.count(*) filter (where n.state = 'failed') as failed,
            pg_catalog.count(*) filter (
                where n.finished_at is null and tandem._running(n.run_id)
            ) as running,
            pg_catalog.sum(n.read_rows) as rows_read, pg_catalog.sum(n.rejected_rows) as rejected
        from tandem.run as n
        -- what only counts is no migration
        where not n.params @> '{"dry_run": true}'
        group by n.kind, n.mapping
    ) as r
    cross join lateral (
        values
        ('tandem_runs', r.runs), ('tandem_runs_failed', r.failed),
        ('tandem_runs_running', r.running), ('tandem_run_rows_read', r.rows_read),
        ('tandem_run_rows_rejected', r.rejected)
    ) as x (metric, value)
    union all
    select i.metric, i.labels, i.value from tandem._import_metrics() as i;
end
$_metrics$;

comment on function tandem._metrics() is 'The rows of the view tandem.metrics.';
