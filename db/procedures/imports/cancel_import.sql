create or replace function tandem.cancel_import(p_import bigint) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $cancel_import$
declare
    r_job tandem.import_job := tandem._import_of(p_import);
begin
    update tandem.import_job as j
    set cancel_requested = true,
        state = case when j.state = 'running' then 'running' else 'cancelled' end,
        finished_at = case when j.state <> 'running' then pg_catalog.clock_timestamp() end
    where j.import_id = p_import and j.state not in ('done', 'cancelled')
    returning * into r_job;
    return r_job.state;
end
$cancel_import$;

comment on function tandem.cancel_import(bigint) is
'Ends an import: at once where nobody is at it, else before its next batch. What was written '
'stays; returns the state that it is in. Writers may call it. Example: select '
'tandem.cancel_import(42);';
