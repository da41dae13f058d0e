-- A batch of changes of one table, from the last to the first, so that a variant goes before the
-- masters that it refers to.
create or replace function tandem.undo_import_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $undo_import_step$
declare
    r_run tandem.run := tandem._run_of('undo_import', p_mapping, p_run);
    r_result tandem.step_result := row(false, '{}', 0, 0, 0, 0, null, null);
    r_batch record;
    v_reversed bigint;
    v_errors bigint;
begin
    -- whoever purges it comes after this batch, or was first
    perform from tandem.import_job as j where j.import_id = r_run.import_id for key share;
    perform tandem._import_to_undo(r_run.import_id);
    -- in order first, so that only one of them is looked into; what is before the cursor is done
    select o.* into r_batch
    from (
        select c.*, t.part, p.place
        from tandem.import_change as c
        join lateral (
            select i.item as part, i.position
            from tandem._mapping_of(p_mapping) as m
            cross join lateral pg_catalog.jsonb_array_elements(m.definition -> 'parts')
                with ordinality as i (item, position)
            where i.item ->> 'table' = c.table_name
        ) as t on true
        cross join lateral (
            select array[-t.position, -c.from_row, pg_catalog.array_position(
                array['update', 'revive', 'insert'], c.action
            )] as place
        ) as p
        where c.import_id = r_run.import_id
            and p.place >= coalesce((r_run.cursor ->> 'place')::bigint[], p.place)
        order by p.place
        offset 0
    ) as o
    where exists (
        select from pg_catalog.jsonb_array_elements(o.images::jsonb) as i (image)
        where not exists (
            select from tandem.import_undone as u
            where u.import_id = o.import_id and u.from_row = o.from_row
                and u.table_name = o.table_name and u.row_id = i.image ->> 0 and u.action = o.action
        )
    )
    limit 1;
    if not found then
        -- rows that failed are as those that were written: not there, and no longer due
        update tandem.rejected_row as x
        set resolved_at = pg_catalog.clock_timestamp(), resolution = 'its import was undone'
        where x.import_id = r_run.import_id and x.resolved_at is null;
        r_result.done := true;
        return r_result;
    end if;
    select w.reversed, w.errors, w.reversed + w.kept + w.errors
    into v_reversed, v_errors, r_result.read_rows
    from tandem._undo_changes(
        r_run.import_id, r_batch.part, r_batch.from_row, r_batch.action, p_rows, p_failure
    ) as w;
    r_result.written_rows := v_reversed;
    r_result.rejected_rows := v_errors;
    r_result.unchanged_rows := r_result.read_rows - v_reversed - v_errors;
    r_result.cursor := pg_catalog.jsonb_build_object(
        'stage', r_batch.table_name, 'place', r_batch.place::text
    );
    return r_result;
end
$undo_import_step$;

comment on function tandem.undo_import_step(text, bigint, integer, jsonb) is
'One batch of tandem.undo_import; does not commit. Called by the loop. Operators may execute it.';
