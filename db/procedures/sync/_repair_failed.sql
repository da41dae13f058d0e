-- tandem.retry_rejected goes on where a row was to be written. For one that was to be deleted it
-- would do the opposite: that is noted as closed.
create or replace function tandem._repair_failed(
    p_mapping text, p_side text, p_key text, p_content json, p_delete boolean, p_failure jsonb,
    p_run bigint
) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $_repair_failed$
begin
    if p_delete then
        insert into tandem.rejected_row (
            rejected_id, mapping, side, row_key, content, sqlstate, message, hint, run_id,
            resolved_at, resolution
        )
        values (
            tandem.new_id(), p_mapping, p_side, p_key, p_content, p_failure ->> 'sqlstate',
            p_failure ->> 'message', 'It was not deleted: repair again.', p_run,
            pg_catalog.clock_timestamp(), 'not deleted by repair'
        );
    else
        perform tandem._reject(
            p_mapping, p_side, p_key, p_content, p_failure ->> 'sqlstate',
            p_failure ->> 'message', p_failure ->> 'hint', p_run
        );
    end if;
    return 'rejected';
end
$_repair_failed$;

comment on function tandem._repair_failed(text, text, text, json, boolean, jsonb, bigint) is
'Notes a row that repair could not write (p_delete false) or delete, on the side that it was read '
'from. Returns rejected.';
