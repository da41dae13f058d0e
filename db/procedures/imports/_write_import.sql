create or replace function tandem._write_import(
    p_job tandem.import_job, p_run bigint, p_rows integer, p_failure jsonb,
    p_result tandem.step_result
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
-- the images that an undo goes by have all digits
set extra_float_digits = 1
as $_write_import$
declare
    v_is_old boolean := p_job.importer = 'old';
    -- the old path does all of it at once
    v_to integer := least(
        p_job.next_row + case when v_is_old then p_job.rows_in else p_rows end - 1, p_job.rows_in
    );
    v_read integer := v_to - p_job.next_row + 1;
    v_superseded integer;
    v_failed integer;
    v_unchanged integer;
    v_schema text;
    v_table text;
    v_index text;
    v_message text;
    v_detail text;
    r_counts tandem.import_counts := row(0, 0, 0, 0, 0);
begin
    if p_failure is not null and v_is_old then
        -- it keeps back rows by itself: what gets here is no row's fault
        perform tandem._raise(p_failure);
    elsif p_failure is not null then
        perform tandem._reject_import_row(
            p_job.import_id, p_run, p_job.next_row, p_failure ->> 'sqlstate',
            p_failure ->> 'message', p_failure ->> 'hint'
        );
    else
        begin
            execute pg_catalog.format(
                'select w.* from %I.%I($1, $2, $3, $4) as w', 'tandem_' || p_job.mapping,
                case when v_is_old then '_write_rows_locked' else '_write_rows' end
            )
            into r_counts
            using p_job.import_id, p_run, p_job.next_row, v_to;
        exception when unique_violation then
            get stacked diagnostics
                v_schema = schema_name,
                v_table = table_name,
                v_index = constraint_name,
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not tandem._is_key_conflict(p_job.mapping, v_schema, v_table, v_index) then
                raise;
            end if;
            -- no row's fault: the loop tries the batch again, and then sees who was first
            raise exception 'another session was first: %', v_message
            using errcode = 'serialization_failure', detail = v_detail,
                hint = 'The same is tried again.';
        end;
    end if;
    v_superseded := (
        select pg_catalog.count(*) from tandem.import_mark as k
        where k.import_id = p_job.import_id and k.row_no between p_job.next_row and v_to
            and k.mark = 'superseded'
    );
    v_failed := (
        select pg_catalog.count(*) from tandem.rejected_row as x
        where x.import_id = p_job.import_id and x.row_no between p_job.next_row and v_to
    );
    v_unchanged := v_read - v_superseded - v_failed - r_counts.inserted - r_counts.updated
        - r_counts.suppressed;
    -- nobody but the counts says that no row was passed over
    if p_failure is null and v_unchanged <> r_counts.tried - r_counts.inserted - r_counts.updated
        - r_counts.suppressed - r_counts.failed then
        raise exception 'rows % to % of import % do not add up',
            p_job.next_row, v_to, p_job.import_id
        using errcode = 'TD063', detail = pg_catalog.format(
            'Read %s, tried %s, superseded %s, failed %s.', v_read, r_counts.tried, v_superseded,
            v_failed
        ), hint = 'This is a fault of pgtandem''s: nothing of this batch was written.';
    end if;
    update tandem.import_job as j
    set next_row = v_to + 1,
        inserted = j.inserted + r_counts.inserted,
        updated = j.updated + r_counts.updated,
        unchanged = j.unchanged + v_unchanged,
        superseded = j.superseded + v_superseded,
        failed = j.failed + v_failed,
        suppressed = j.suppressed + r_counts.suppressed
    where j.import_id = p_job.import_id;
    p_result.read_rows := v_read;
    p_result.written_rows := r_counts.inserted + r_counts.updated;
    p_result.rejected_rows := v_failed;
    p_result.unchanged_rows := v_read - v_failed - p_result.written_rows;
    p_result := tandem._end_costly_import(p_job, p_result);
    if not p_result.done and v_to = p_job.rows_in then
        return tandem._end_import(p_job.import_id, p_result, 'done', null);
    end if;
    return p_result;
end
$_write_import$;

comment on function tandem._write_import(
    tandem.import_job, bigint, integer, jsonb, tandem.step_result
) is
'Writes the next rows of an import and counts each of them once; p_failure: why the next row, '
'which was tried alone, is kept back.';
