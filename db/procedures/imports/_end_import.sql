create or replace function tandem._end_import(
    p_import bigint, p_result tandem.step_result, p_state text, p_failure jsonb
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_end_import$
begin
    update tandem.import_job as j
    set state = p_state, finished_at = pg_catalog.clock_timestamp(),
        error_sqlstate = p_failure ->> 'sqlstate', error_message = p_failure ->> 'message',
        error_hint = p_failure ->> 'hint'
    where j.import_id = p_import;
    perform tandem._settle_dry_run(p_import);
    p_result.done := true;
    p_result.message := coalesce(p_failure ->> 'message', p_state);
    return p_result;
end
$_end_import$;

comment on function tandem._end_import(bigint, tandem.step_result, text, jsonb) is
'Ends an import in the transaction of its last batch: done, cancelled or dead, with the reason.';
