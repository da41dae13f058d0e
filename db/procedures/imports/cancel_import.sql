create or replace function tandem.cancel_import(p_import bigint) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $cancel_import$
declare
    r_job tandem.import_job := tandem._import_of(p_import);
    v_is_at_it boolean := false;
begin
    -- it lets go of its lock for a moment between two batches
    for v_look in 1 .. 5 loop
        v_is_at_it := exists (
            select from tandem.run as r
            where r.import_id = p_import and r.finished_at is null and tandem._running(r.run_id)
        );
        exit when v_is_at_it or r_job.state <> 'running';
        perform pg_catalog.pg_sleep(0.02);
    end loop;
    if not v_is_at_it then
        update tandem.run as r
        set state = 'failed', finished_at = pg_catalog.clock_timestamp(),
            error_message = 'superseded by cancel_import'
        where r.import_id = p_import and r.kind = 'run_import' and r.finished_at is null;
    end if;
    update tandem.import_job as j
    set cancel_requested = true,
        state = case when v_is_at_it then j.state else 'cancelled' end,
        finished_at = case when not v_is_at_it then pg_catalog.clock_timestamp() end
    where j.import_id = p_import and j.state not in ('done', 'cancelled')
    returning * into r_job;
    return coalesce(r_job.state, (tandem._import_of(p_import)).state);
end
$cancel_import$;

comment on function tandem.cancel_import(bigint) is
'Ends an import: at once where nobody is at it, else before its next batch. What was written '
'stays; returns the state that it is in. Writers may call it. Example: select '
'tandem.cancel_import(42);';
