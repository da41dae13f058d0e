-- Before the rows of a migration: the upper levels that a rollback took out come back; then leaves
-- that are there without a flat row are linked to the flat row that fits, where exactly one does.
create or replace function tandem._restore_batch(p_mapping text, p_run bigint, p_rows integer)
returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_restore_batch$
declare
    r_run tandem.run;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    if tandem._restore_levels(p_mapping, p_rows) > 0
        or tandem._restore_leaves(p_mapping, p_rows) > 0 then
        r_result.message := 'bringing back what a rollback took out';
        return r_result;
    end if;
    perform tandem._adopt(p_mapping);
    r_result.cursor := r_result.cursor || '{"stage": "rows"}';
    r_result.message := 'copying rows';
    return r_result;
end
$_restore_batch$;

comment on function tandem._restore_batch(text, bigint, integer) is
'One batch of a migration before its rows: restores levels, then notes leaves to adopt.';
