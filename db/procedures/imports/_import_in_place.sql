-- The loop commits and this does not: it is for what is taken back. Rows that fail are found in the
-- same way, by smaller batches.
create or replace function tandem._import_in_place(p_import bigint) returns tandem.import_job
language plpgsql
set search_path = pg_catalog, pg_temp
as $_import_in_place$
declare
    r_job tandem.import_job := tandem._import_of(p_import);
    r_result tandem.step_result := row(false, '{}', 0, 0, 0, 0, r_job.rows_in, null);
    v_rows integer := r_job.batch_rows;
    v_error jsonb;
    v_message text;
    v_hint text;
begin
    r_result := tandem._check_import(r_job, null, r_result);
    while not r_result.done loop
        r_job := tandem._import_of(p_import);
        begin
            r_result := tandem._write_import(r_job, null, v_rows, v_error, r_result);
            set constraints all immediate;
            v_error := null;
            v_rows := least(r_job.batch_rows, 2 * v_rows);
        -- lint: others: a row may raise anything; it is isolated or raised again
        exception when others then
            get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint;
            if v_error is not null
                or (tandem._failure(sqlstate, v_message) ->> 'retry')::boolean
                or not (tandem._failure(sqlstate, v_message) ->> 'row')::boolean then
                raise;
            elsif v_rows = 1 or r_job.importer = 'old' then
                v_rows := 1;
                v_error := tandem._failure(sqlstate, v_message)
                    || pg_catalog.jsonb_build_object('hint', v_hint);
            else
                v_rows := greatest(1, v_rows / 4);
            end if;
        end;
    end loop;
    return tandem._import_of(p_import);
end
$_import_in_place$;

comment on function tandem._import_in_place(bigint) is
'Does an import within the caller''s transaction, batch by batch; returns its job as it is then.';
