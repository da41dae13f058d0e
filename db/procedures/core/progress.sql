create view tandem.progress as
select
    r.run_id,
    r.kind,
    r.mapping,
    r.cursor ->> 'stage' as phase,
    case when r.state = 'running' and not l.alive then 'interrupted'
        when r.state = 'failed' and r.error_sqlstate is null then 'superseded'
        else r.state end as state,
    r.read_rows as done_rows,
    r.total_rows,
    case when r.state = 'done' then 100
        when r.total_rows > 0
            then least(100, pg_catalog.round(100.0 * r.read_rows / r.total_rows, 1))
    end as percent,
    case when h.reason is null then pg_catalog.round(s.rate, 0) end as rows_per_second,
    case when r.finished_at is null and s.rate > 0 and h.reason is null
        then pg_catalog.round(greatest(0, r.total_rows - r.read_rows) / s.rate, 0)
    end as eta_seconds,
    r.read_rows,
    r.written_rows,
    r.unchanged_rows,
    r.rejected_rows,
    r.batches,
    r.attempt,
    r.wal_bytes,
    r.started_at,
    r.finished_at,
    l.alive as running_now,
    r.backend_pid,
    r.started_by,
    coalesce('waits: ' || h.reason, r.error_message, r.message) as message,
    coalesce((r.params ->> 'dry_run')::boolean, false) as dry_run,
    r.import_id
from tandem.run as r
cross join lateral (
    select r.finished_at is null and tandem._running(r.run_id) as alive
) as l
cross join lateral (
    -- what is one transaction does not stop between batches
    select case when l.alive and not r.params @> '{"one_transaction": true}' then (
        select w.reason from tandem._hold_reason() as w (reason)
        where w.reason <> '' and w.reason not like 'cannot see %'
    ) end as reason
) as h
left join lateral (
    -- the last second of batches says how fast it is now
    select pg_catalog.sum(b.read_rows) / nullif(greatest(
        pg_catalog.sum(b.milliseconds) / 1000,
        extract(epoch from pg_catalog.max(b.finished_at) - pg_catalog.min(b.finished_at))
    ), 0) as rate
    from (
        select x.read_rows, x.milliseconds, x.finished_at
        from tandem.run_batch as x
        where x.run_id = r.run_id and x.attempt = r.attempt and x.read_rows > 0
        order by x.batch desc
        limit 20
    ) as b
) as s on true
order by r.run_id desc;

comment on view tandem.progress is
'A row per run, the newest first: how far, how fast, how long yet, and whether a session works on '
'it now. State interrupted: it was cancelled or killed, and the same CALL goes on with it; '
'superseded: another call took its place; failed: an error ended it. A run that is held (pause, '
'max_transaction_age, max_replica_lag) says in message why, and has no rate. dry_run: it only '
'counts. import_id: of which import. Readers may read it. '
'Example: select * from tandem.progress where running_now;';
