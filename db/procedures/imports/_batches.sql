create or replace function tandem._batches()
returns table (
    run_id bigint, backend_pid integer, timeout_seconds integer, marked timestamptz,
    marked_at timestamptz
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_batches$
    select r.run_id, r.backend_pid, tandem._batch_timeout(j), s.transaction_started,
        s.marked_at
    from tandem.run as r
    join tandem.import_job as j on j.import_id = r.import_id
    left join tandem.slow_batch as s on s.run_id = r.run_id
    where r.kind = 'run_import' and r.finished_at is null and tandem._running(r.run_id)
$_batches$;

comment on function tandem._batches() is
'The imports that sessions are at, the seconds that a batch of each may take, and the start of the '
'transaction that was marked as too slow, and when it was.';
