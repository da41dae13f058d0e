-- A run of an import that failed has its job tried again, or given up. A run that was broken off
-- says nothing: whoever looks for work finds that nobody is at it.
create or replace function tandem._import_ended() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $_import_ended$
declare
    v_is_passing boolean := tandem._is_passing(new.error_sqlstate, new.error_message);
begin
    update tandem.import_job as j
    set state = case when new.error_sqlstate is null then 'queued'
            when v_is_passing and j.tries < tandem._setting_of('import_max_retries')::integer
                then 'queued'
            else 'dead' end,
        tries = j.tries + (new.error_sqlstate is not null)::integer,
        run_after = pg_catalog.clock_timestamp() + case when new.error_sqlstate is not null
            then tandem._backoff(j.tries + 1) else '0' end,
        finished_at = case when new.error_sqlstate is not null and not (
            v_is_passing and j.tries < tandem._setting_of('import_max_retries')::integer
        ) then pg_catalog.clock_timestamp() end,
        error_sqlstate = new.error_sqlstate,
        error_message = new.error_message
    where j.import_id = new.import_id and j.state in ('queued', 'running');
    return null;
end
$_import_ended$;

comment on function tandem._import_ended() is
'After a run of an import has stopped without ending it: queues the job again, or gives it up.';

create or replace trigger tandem_20_import_ended after update of state on tandem.run
for each row
when (new.kind = 'run_import' and new.state in ('paused', 'failed'))
execute function tandem._import_ended();
