create or replace procedure tandem.run_import_locked(p_import bigint)
language plpgsql
as $run_import_locked$
declare
    r_job tandem.import_job;
begin
    set local search_path = pg_catalog, pg_temp;
    r_job := tandem._choose_old_path(p_import);
    call tandem._run('run_import', r_job.mapping, tandem._import_params(r_job, null, null));
end
$run_import_locked$;

comment on procedure tandem.run_import_locked(bigint) is
'Does an import by the old path, whichever it was to take: all tables are locked against every '
'other writer until its rows, one by one, are written; what the new path has written of it stays, '
'and it goes on from there. For an instant return while the new path is in doubt. Operators may '
'call it, alone and with autocommit, until the old path is retired. Example: call '
'tandem.run_import_locked(42);';
