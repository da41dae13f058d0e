-- A second cancel would meet the loop outside of the batch, and end the run. What has swallowed the
-- first gets another one later.
create or replace function tandem._claim_slow_batch(p_run bigint, p_started timestamptz)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_claim_slow_batch$
begin
    update tandem.slow_batch as s
    set cancelled_at = pg_catalog.clock_timestamp()
    where s.run_id = (
        select x.run_id from tandem.slow_batch as x
        where x.run_id = p_run and x.transaction_started = p_started
            and (
                x.cancelled_at is null
                or x.cancelled_at < pg_catalog.clock_timestamp() - interval '10 seconds'
            )
        for update skip locked
    );
    return found;
end
$_claim_slow_batch$;

comment on function tandem._claim_slow_batch(bigint, timestamptz) is
'True for the one of several watchers that is to cancel a marked batch.';
