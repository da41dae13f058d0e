-- One batch of a migration: begin, link (rows to what a rollback noted), switch (the sync on, table
-- by table), restore (what a rollback kept, leaves to adopt), rows, orphans, check, analyse,
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
    v_again boolean;
    r_run tandem.run := tandem._run_of('migrate', p_mapping, p_run);
    r_switch record;
    r_result tandem.step_result;
begin
    v_stage := coalesce(r_run.cursor ->> 'stage', 'begin');
    if v_stage not in ('begin', 'link', 'switch')
        and not coalesce((r_run.params ->> 'dry_run')::boolean, false) then
        perform tandem._require_phase(p_mapping, 'migrate', array['syncing', 'migrated']);
    end if;
    if v_stage = 'begin' then
        return tandem._migrate_begin(p_mapping, p_run);
    elsif v_stage = 'rows' then
        return tandem._inside(p_mapping, 'migrate', p_run, p_rows, p_failure);
    elsif v_stage = 'orphans' then
        return tandem._inside(p_mapping, 'orphans', p_run, p_rows, p_failure);
    elsif v_stage = 'link' then
        return tandem._inside(p_mapping, 'link', p_run, p_rows, null);
    elsif v_stage = 'restore' then
        return tandem._inside(p_mapping, 'restore', p_run, p_rows, null);
    elsif v_stage <> 'switch' then
        return tandem._migrate_end(p_mapping, p_run);
    end if;
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    select * into r_switch from tandem._switches_due(p_mapping) as s limit 1;
    if found then
        -- waits until older writers of this table have ended, and gives way meanwhile
        perform tandem._switch(p_mapping, r_switch.relation, r_switch.direction, r_switch.wished);
        r_result.message := pg_catalog.format(
            '%s %s for %s', r_switch.direction, case when r_switch.wished then 'on' else 'off' end,
            r_switch.relation
        );
        return r_result;
    end if;
    -- set_sync writes this row first: from here on it sees the phase, and switches itself
    perform from tandem.mapping as m where m.name = p_mapping for no key update;
    if exists (select from tandem._switches_due(p_mapping)) then
        return r_result;
    end if;
    if (tandem._mapping_of(p_mapping)).phase = 'prepared' then
        perform tandem._set_phase(p_mapping, 'syncing');
        -- what came into force while the flat table was alone: it has the say
        execute pg_catalog.format(
            'delete from %I.due as d where d.effective <= pg_catalog.clock_timestamp()',
            'tandem_' || p_mapping
        );
        perform tandem._note_due(p_mapping);
    end if;
    -- The last key is read after the barrier: later rows are the triggers' work.
    -- What has an id by now is compared: the flat table's triggers were on before the others.
    execute pg_catalog.format(
        'select exists (select from %s as flat where flat.%I is not null)',
        (tandem._mapping_of(p_mapping)).definition ->> 'flat',
        (select l.sync from tandem._levels(p_mapping) as l where l.is_leaf)
    ) into v_again;
    r_result.cursor := r_run.cursor || pg_catalog.jsonb_build_object(
        'stage', 'restore', 'again', v_again or coalesce((r_run.cursor ->> 'again')::boolean, false)
    );
    return r_result;
end
$migrate_step$;

comment on function tandem.migrate_step(text, bigint, integer, jsonb) is
'One batch of tandem.migrate; does not commit. Called by the loop. Operators may execute it.';
