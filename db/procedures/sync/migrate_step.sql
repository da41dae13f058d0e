-- One batch of a migration: begin, switch (the sync on, table by table), restore
-- (what a rollback kept, leaves to adopt), rows, orphans, check, analyse,
-- checks.
create or replace function tandem.migrate_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $migrate_step$
declare
    v_stage text;
    v_relation text;
    v_direction text;
    r_run tandem.run;
    r_mapping tandem.mapping := tandem._mapping_of(p_mapping);
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    v_stage := coalesce(r_run.cursor ->> 'stage', 'begin');
    if v_stage = 'begin' then
        return tandem._migrate_begin(p_mapping, p_run);
    elsif v_stage = 'rows' then
        return tandem._inside(p_mapping, 'migrate', p_run, p_rows, p_failure);
    elsif v_stage = 'orphans' then
        return tandem._inside(p_mapping, 'orphans', p_run, p_rows, p_failure);
    elsif v_stage = 'restore' then
        return tandem._inside(p_mapping, 'restore', p_run, p_rows, null);
    elsif v_stage <> 'switch' then
        return tandem._migrate_end(p_mapping, p_run);
    end if;
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    select s.relation, s.direction into v_relation, v_direction
    from tandem._switches(p_mapping) as s
    where not s.enabled
        and (s.direction = 'flat_to_hierarchy' and r_mapping.flat_to_hierarchy
            or s.direction = 'hierarchy_to_flat' and r_mapping.hierarchy_to_flat)
    order by s.direction, s.relation
    limit 1;
    if found then
        -- waits until older writers of this table have ended, and gives way meanwhile
        perform tandem._switch(p_mapping, v_relation, v_direction, true);
        r_result.message := pg_catalog.format('%s on for %s', v_direction, v_relation);
        return r_result;
    end if;
    if r_mapping.phase = 'prepared' then
        perform tandem._set_phase(p_mapping, 'syncing');
    end if;
    -- The last key is read after the barrier: later rows are the triggers' work.
    r_result.cursor := r_run.cursor || pg_catalog.jsonb_build_object('stage', 'restore');
    return r_result;
end
$migrate_step$;

comment on function tandem.migrate_step(text, bigint, integer, jsonb) is
'One batch of tandem.migrate; does not commit. Called by the loop. Operators may execute it.';
