-- Before the rows of a migration: what a rollback took out comes back, but for leaves that a flat
-- row brings back; then those that have no flat row are linked to the row that fits, where exactly
-- one does.
create or replace function tandem._restore_batch(p_mapping text, p_run bigint, p_rows integer)
returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_restore_batch$
declare
    v_restored bigint;
    r_run tandem.run;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    -- one at a time: of two ranges of keys each would take the other's rows for gone
    perform from tandem.mapping as m where m.name = p_mapping for no key update;
    select b.restored, b.refused into v_restored, r_result.rejected_rows
    from tandem._restore_levels(p_mapping, p_run, p_rows) as b;
    if v_restored + r_result.rejected_rows = 0 then
        select b.restored, b.refused into v_restored, r_result.rejected_rows
        from tandem._restore_leaves(p_mapping, p_run, null, p_rows) as b;
    end if;
    if v_restored + r_result.rejected_rows > 0 then
        -- what came back is not counted as read: the run counts rows of the flat table
        r_result.read_rows := r_result.rejected_rows;
        r_result.message := 'bringing back what a rollback took out';
        return r_result;
    end if;
    if tandem._adopt(p_mapping) > 0 then
        -- at once: the sync is on, and what new programs write to such a leaf is to reach its row
        perform tandem._link_rows(p_mapping, null, null);
        r_result.cursor := r_result.cursor || '{"again": true}';
    end if;
    r_result.cursor := r_result.cursor || '{"stage": "rows"}';
    r_result.message := 'copying rows';
    return r_result;
end
$_restore_batch$;

comment on function tandem._restore_batch(text, bigint, integer) is
'One batch of a migration before its rows: restores levels and leaves without a flat row, then '
'links leaves to adopt.';
