-- The first batch looks at the whole input, the others write. What a batch has done and how far the
-- job is are committed together.
create or replace function tandem.run_import_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $run_import_step$
declare
    r_run tandem.run;
    r_job tandem.import_job;
    r_result tandem.step_result;
    v_since timestamptz;
begin
    r_run := tandem._run_of('run_import', p_mapping, p_run);
    select * into strict r_job from tandem.import_job as j
    where j.import_id = r_run.import_id
    for update;
    r_result := row(false, '{}', 0, 0, 0, 0, r_job.rows_in, null);
    if (r_run.cursor ->> 'attempt')::integer is distinct from r_run.attempt then
        v_since := pg_catalog.clock_timestamp();
        perform tandem._require_import_ready(p_mapping);
        if r_job.importer = 'old' then
            perform tandem._require_old_path(p_mapping);
        end if;
        perform tandem._require_input(r_job);
        r_result := tandem._end_costly_import(r_job, r_result);
        if r_result.done then
            return r_result;
        end if;
        update tandem.import_job as j
        set state = 'running', started_at = coalesce(j.started_at, v_since), finished_at = null,
            error_sqlstate = null, error_message = null, error_hint = null
        where j.import_id = r_job.import_id;
    else
        v_since := (r_run.cursor ->> 'since')::timestamptz;
    end if;
    r_result.cursor := pg_catalog.jsonb_build_object(
        'stage', r_job.stage, 'attempt', r_run.attempt, 'since', v_since
    );
    if exists (
        select from tandem.import_cancel as x where x.import_id = r_job.import_id
    ) then
        return tandem._end_import(r_job.import_id, r_result, 'cancelled', null);
    end if;
    if pg_catalog.clock_timestamp()
        > v_since + pg_catalog.make_interval(secs => r_job.timeout_seconds) then
        raise exception 'import % has taken longer than % s',
            r_job.import_id, r_job.timeout_seconds
        using errcode = 'TD061',
            detail = pg_catalog.format(
                '%s of %s rows are done and stay.', r_job.next_row - 1, r_job.rows_in
            ),
            hint = pg_catalog.format(
                'CALL tandem.run_import(%s); goes on from there, with as much time again. '
                'tandem.setting import_timeout_seconds is for imports to come.', r_job.import_id
            );
    end if;
    if r_job.stage = 'check' then
        return tandem._check_import(r_job, p_run, r_result);
    elsif not r_job.is_dry_run then
        return tandem._write_import(r_job, p_run, p_rows, p_failure, r_result);
    end if;
    return tandem._try_import(r_job, p_run, p_rows, p_failure, r_result);
end
$run_import_step$;

comment on function tandem.run_import_step(text, bigint, integer, jsonb) is
'One batch of tandem.run_import; does not commit. Called by the loop. Operators may execute it.';
