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
            where r.import_id = p_import and r.kind = 'run_import' and r.finished_at is null
                and tandem._running(r.run_id)
        );
        exit when v_is_at_it or r_job.state <> 'running';
        perform pg_catalog.pg_sleep(0.02);
    end loop;
    if v_is_at_it then
        insert into tandem.import_cancel (import_id) values (p_import) on conflict do nothing;
        return r_job.state;
    end if;
    update tandem.run as r
    set state = 'failed', finished_at = pg_catalog.clock_timestamp(),
        error_message = 'superseded by cancel_import'
    where r.import_id = p_import and r.kind = 'run_import' and r.finished_at is null;
    update tandem.import_job as j
    set state = 'cancelled', finished_at = pg_catalog.clock_timestamp()
    where j.import_id = p_import and j.state not in ('done', 'cancelled')
    returning * into r_job;
    return coalesce(r_job.state, (tandem._import_of(p_import)).state);
end
$cancel_import$;

comment on function tandem.cancel_import(bigint) is
'Ends an import: at once where nobody is at it, else before its next batch. What was written '
'stays; returns the state that it is in. Writers may call it. Example: select '
'tandem.cancel_import(42);';
