create or replace function tandem._check_import(
    p_job tandem.import_job, p_run bigint, p_result tandem.step_result
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_check_import$
declare
    v_warnings jsonb;
begin
    execute pg_catalog.format('select %I._check_rows($1, $2)', 'tandem_' || p_job.mapping)
    into v_warnings
    using p_job.import_id, p_run;
    update tandem.import_job as j
    set stage = 'write', warnings = v_warnings
    where j.import_id = p_job.import_id;
    p_result.message := 'checked';
    p_result := tandem._end_costly_import(p_job, p_result);
    if not p_result.done and p_job.rows_in = 0 then
        return tandem._end_import(p_job.import_id, p_result, 'done', null);
    end if;
    return p_result;
end
$_check_import$;

comment on function tandem._check_import(tandem.import_job, bigint, tandem.step_result) is
'The first batch of an import: looks at all of its input and writes none of it.';
