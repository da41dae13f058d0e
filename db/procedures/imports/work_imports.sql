create or replace procedure tandem.work_imports(
    p_mapping text default null, p_max_imports integer default null
)
language plpgsql
as $work_imports$
declare
    v_done integer := 0;
    r_job tandem.import_job;
begin
    set local search_path = pg_catalog, pg_temp;
    perform tandem._check_range('p_max_imports', p_max_imports, 1, 2147483647);
    loop
        exit when v_done >= p_max_imports or tandem._worker_stops();
        r_job := tandem._claim_import(p_mapping);
        exit when r_job.import_id is null;
        -- an error is the job's, and is kept with it; the next one is innocent
        call tandem._run(
            'run_import', r_job.mapping, tandem._import_params(r_job, null, null), false
        );
        set local search_path = pg_catalog, pg_temp;
        v_done := v_done + 1;
    end loop;
end
$work_imports$;

comment on procedure tandem.work_imports(text, integer) is
'Does the imports that are left to a worker, one after the other, and returns when there is none; '
'for pg_cron, or by hand. Several may run at a time. p_mapping: of this mapping alone; '
'p_max_imports: then return. Operators may call it, alone and with autocommit. Example: call '
'tandem.work_imports();';
