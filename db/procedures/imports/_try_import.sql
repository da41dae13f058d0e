-- By the same code: the batch is done, and taken back with all that it has written. What it says of
-- rows is kept.
create or replace function tandem._try_import(
    p_job tandem.import_job, p_run bigint, p_rows integer, p_failure jsonb,
    p_result tandem.step_result
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_try_import$
declare
    r_result tandem.step_result;
    r_job tandem.import_job;
    v_rejected tandem.rejected_row[];
    v_marks tandem.import_mark[];
    v_changes tandem.import_change[];
begin
    begin
        r_result := tandem._write_import(p_job, p_run, p_rows, p_failure, p_result);
        set constraints all immediate;
        select * into strict r_job from tandem.import_job as j where j.import_id = p_job.import_id;
        v_rejected := array(
            select x from tandem.rejected_row as x
            where x.import_id = p_job.import_id and x.row_no >= p_job.next_row
                and x.row_no < r_job.next_row
        );
        v_marks := array(
            select k from tandem.import_mark as k
            where k.import_id = p_job.import_id and k.mark = 'suppressed'
                and k.row_no >= p_job.next_row and k.row_no < r_job.next_row
        );
        v_changes := array(
            select c from tandem.import_change as c
            where c.import_id = p_job.import_id and c.from_row >= p_job.next_row
                and c.from_row < r_job.next_row
        );
        raise exception 'dry run' using errcode = 'TD099';
    exception when sqlstate 'TD099' then
        null;
    end;
    insert into tandem.rejected_row select x.* from pg_catalog.unnest(v_rejected) as x
    on conflict do nothing;
    insert into tandem.import_mark select k.* from pg_catalog.unnest(v_marks) as k;
    insert into tandem.import_change select c.* from pg_catalog.unnest(v_changes) as c;
    update tandem.import_job as j
    set (
        next_row, inserted, updated, unchanged, superseded, failed, suppressed, state, finished_at,
        error_sqlstate, error_message, error_hint
    ) = row(
        r_job.next_row, r_job.inserted, r_job.updated, r_job.unchanged, r_job.superseded,
        r_job.failed, r_job.suppressed, r_job.state, r_job.finished_at, r_job.error_sqlstate,
        r_job.error_message, r_job.error_hint
    )
    where j.import_id = p_job.import_id;
    -- what ended it was taken back as well
    perform tandem._settle_dry_run(p_job.import_id);
    return r_result;
end
$_try_import$;

comment on function tandem._try_import(
    tandem.import_job, bigint, integer, jsonb, tandem.step_result
) is
'A batch of a dry run: written, looked at, and taken back but for its counts and images.';
