create or replace procedure tandem.run_import(
    p_import bigint, p_batch_rows integer default null, p_max_batches integer default null
)
language plpgsql
as $run_import$
declare
    r_job tandem.import_job;
begin
    set local search_path = pg_catalog, pg_temp;
    perform tandem._check_range('p_batch_rows', p_batch_rows, 1, 100000);
    perform tandem._check_range('p_max_batches', p_max_batches, 1, 2147483647);
    r_job := tandem._import_to_run(p_import);
    call tandem._run('run_import', r_job.mapping, tandem._import_params(
        r_job, p_batch_rows, p_max_batches
    ));
end
$run_import$;

comment on procedure tandem.run_import(bigint, integer, integer) is
'Does an import that was submitted, batch by batch; interrupted, the same CALL goes on. '
'p_batch_rows: rows a batch (the import''s own where NULL); p_max_batches: then pause. Operators '
'may call it, alone and with autocommit. Example: call tandem.run_import(42);';
