create or replace function tandem._run_batch(
    p_run bigint, p_attempt integer, p_step tandem.step_result, p_ms numeric, p_wal bigint
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_run_batch$
declare
    v_batch integer;
begin
    perform tandem._may_run(r.kind, r.mapping) from tandem.run as r where r.run_id = p_run;
    update tandem.run as r
    set cursor = p_step.cursor,
        total_rows = coalesce(p_step.total_rows, r.total_rows),
        read_rows = r.read_rows + p_step.read_rows,
        written_rows = r.written_rows + p_step.written_rows,
        unchanged_rows = r.unchanged_rows + p_step.unchanged_rows,
        rejected_rows = r.rejected_rows + p_step.rejected_rows,
        wal_bytes = r.wal_bytes + p_wal,
        batches = r.batches + 1,
        message = coalesce(p_step.message, r.message),
        updated_at = pg_catalog.clock_timestamp()
    where r.run_id = p_run and r.attempt = p_attempt
    returning r.batches into strict v_batch;
    insert into tandem.run_batch (
        run_id, batch, attempt, read_rows, written_rows, unchanged_rows, rejected_rows, wal_bytes,
        milliseconds
    )
    values (
        p_run, v_batch, p_attempt, p_step.read_rows, p_step.written_rows, p_step.unchanged_rows,
        p_step.rejected_rows, p_wal, pg_catalog.round(p_ms, 3)
    );
end
$_run_batch$;

comment on function tandem._run_batch(bigint, integer, tandem.step_result, numeric, bigint) is
'Saves a batch''s counts and the cursor, in the transaction that did the work.';
