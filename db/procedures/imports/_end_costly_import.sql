-- Asked after the check, when nothing is written yet, and after each batch.
create or replace function tandem._end_costly_import(
    p_job tandem.import_job, p_result tandem.step_result
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_end_costly_import$
declare
    v_failed bigint;
begin
    if p_job.max_failed is null and p_job.max_failed_percent is null then
        return p_result;
    end if;
    select pg_catalog.count(*) into v_failed from tandem.rejected_row as x
    where x.import_id = p_job.import_id;
    if v_failed <= p_job.max_failed is not false
        and 100.0 * v_failed <= p_job.max_failed_percent * p_job.rows_in is not false then
        return p_result;
    end if;
    return tandem._end_import(
        p_job.import_id, p_result, 'dead', pg_catalog.jsonb_build_object(
            'sqlstate', 'TD064',
            'message', pg_catalog.format(
                '%s of %s rows fail, which is more than this import may have',
                v_failed, p_job.rows_in
            ),
            'hint', 'tandem.import_failed_rows has them. Correct them, or allow more.'
        )
    );
end
$_end_costly_import$;

comment on function tandem._end_costly_import(tandem.import_job, tandem.step_result) is
'Ends an import of which more rows fail than it may have (max_failed, max_failed_percent).';
