create or replace function tandem._run_fence(p_run bigint, p_attempt integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_run_fence$
begin
    perform tandem._may_run(r.kind, r.mapping) from tandem.run as r where r.run_id = p_run;
    perform pg_catalog.pg_advisory_xact_lock(tandem._run_lock(), p_run::integer);
    perform from tandem.run as r
    where r.run_id = p_run and r.attempt = p_attempt and r.finished_at is null
    for update;
    if not found then
        raise exception 'run % was taken over by another session', p_run
        using errcode = 'TD011',
            detail = pg_catalog.format('Attempt %s is no longer the current one.', p_attempt),
            hint = 'Nothing is lost: the other session goes on. See tandem.progress.';
    end if;
end
$_run_fence$;

comment on function tandem._run_fence(bigint, integer) is
'First statement of each batch: marks the run as alive and refuses a session that was replaced.';
