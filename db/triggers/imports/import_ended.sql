-- A run of an import that failed has its job tried again, or given up. A run that was broken off
-- says nothing: whoever looks for work finds that nobody is at it.
create or replace function tandem._import_ended() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $_import_ended$
declare
    v_most integer := tandem._setting_of('import_max_retries')::integer;
begin
    update tandem.import_job as j
    set state = x.state,
        tries = x.tries,
        tried_row = j.next_row,
        run_after = pg_catalog.clock_timestamp() + case when new.error_sqlstate is not null
            then tandem._backoff(x.tries) else '0' end,
        finished_at = case x.state when 'dead' then pg_catalog.clock_timestamp() end,
        error_sqlstate = new.error_sqlstate,
        error_message = new.error_message
    from (
        select
            t.import_id, t.tries, case
                when new.error_sqlstate is null then 'queued'
                when tandem._is_passing(new.error_sqlstate, new.error_message)
                    and t.tries <= v_most then 'queued'
                else 'dead'
            end as state
        from (
            -- one that gets on at each try is not given up
            select k.import_id, case
                when new.error_sqlstate is null then k.tries
                when k.next_row > k.tried_row then 1
                else k.tries + 1
            end as tries
            from tandem.import_job as k
            where k.import_id = new.import_id
        ) as t
    ) as x
    where j.import_id = x.import_id and j.state in ('queued', 'running');
    return null;
end
$_import_ended$;

comment on function tandem._import_ended() is
'After a run of an import has stopped without ending it: queues the job again, or gives it up.';

create or replace trigger tandem_20_import_ended after update of state on tandem.run
for each row
when (new.kind = 'run_import' and new.state in ('paused', 'failed'))
execute function tandem._import_ended();
