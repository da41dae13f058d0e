create or replace function tandem._mark_slow_batch(p_run bigint, p_started timestamptz) returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $_mark_slow_batch$
    insert into tandem.slow_batch (run_id, transaction_started) values (p_run, p_started)
    on conflict (run_id) do update set transaction_started = excluded.transaction_started,
        marked_at = excluded.marked_at, cancelled_at = null
$_mark_slow_batch$;

comment on function tandem._mark_slow_batch(bigint, timestamptz) is
'Notes that the batch of a run, by the start of its transaction, is to be cancelled.';
