-- Whether a row that failed is in order by now nobody but its people know: it may have come in with
-- another file, by hand, or be wanted no more.
create or replace function tandem.settle_failed_rows(
    p_import bigint, p_resolution text default 'settled by hand'
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $settle_failed_rows$
declare
    r_job tandem.import_job := tandem._import_of(p_import);
    v_count bigint;
begin
    if tandem.is_blank(p_resolution) then
        raise exception 'what became of the failed rows of import % is not said', p_import
        using errcode = 'null_value_not_allowed', detail = 'p_resolution is NULL or empty.',
            hint = 'Say it, such as ''came in with import 5'', or leave the parameter out.';
    end if;
    update tandem.rejected_row as x
    set resolved_at = pg_catalog.clock_timestamp(), resolution = p_resolution
    where x.import_id = r_job.import_id and x.resolved_at is null;
    get diagnostics v_count = row_count;
    return v_count;
end
$settle_failed_rows$;

comment on function tandem.settle_failed_rows(bigint, text) is
'Says that the failed rows of an import need nobody any more, because they were corrected and '
'imported, or are not wanted: tandem.metrics and tandem.doctor count them no longer. They stay '
'readable. Returns how many; those that were settled before stay as they are. p_resolution: what '
'became of them. Raises P0002 where there is no such import, 22004 for an empty text. Operators '
'may call it. Example: select tandem.settle_failed_rows(42, ''came in with import 43'');';
