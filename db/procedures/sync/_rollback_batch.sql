-- One batch of a rollback: begin, note (which row belongs to which leaf, while the sync still
-- runs), off (the triggers, table by table), rows and levels (where the hierarchy is removed),
-- columns.
create or replace function tandem._rollback_batch(p_mapping text, p_run bigint, p_rows integer)
returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_rollback_batch$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_flat text := v_definition ->> 'flat';
    v_stage text;
    v_relation text;
    v_direction text;
    v_remove boolean;
    r_run tandem.run;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    v_stage := coalesce(r_run.cursor ->> 'stage', 'begin');
    v_remove := r_run.params ->> 'hierarchy' = 'remove';
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    if v_stage = 'begin' then
        if v_remove then
            perform tandem._refuse_removal(p_mapping);
        end if;
        if (r_run.params ->> 'drop_columns')::boolean then
            perform tandem._refuse_dependents(p_mapping);
        end if;
        -- where the hierarchy is removed each row is read twice
        execute pg_catalog.format(
            'select pg_catalog.count(*) * $1 from %s as flat', v_flat
        ) into r_result.total_rows using case when v_remove then 2 else 1 end;
        r_result.cursor := pg_catalog.jsonb_build_object(
            'stage', 'note', 'from', tandem._key_after(p_mapping, null)
        );
        r_result.message := 'noting which row belongs to which leaf';
    elsif v_stage in ('note', 'rows') then
        return tandem._rollback_rows(p_mapping, p_run, p_rows);
    elsif v_stage = 'off' then
        select s.relation, s.direction into v_relation, v_direction
        from tandem._switches(p_mapping) as s
        where s.enabled
        order by s.direction desc, s.relation
        limit 1;
        if found then
            if tandem._apply_due_now(p_mapping, p_run, p_rows) > 0 then
                r_result.message := 'dated rows whose time has come';
                return r_result;
            end if;
            -- from here on rows may change unseen: who goes forward again asks for the phase
            perform tandem._set_phase(p_mapping, 'prepared');
            perform tandem._switch(p_mapping, v_relation, v_direction, false);
            r_result.message := pg_catalog.format('%s off for %s', v_direction, v_relation);
            if v_direction = 'flat_to_hierarchy' then
                -- nobody writes the table now: what changed since its note was made
                perform tandem._note_links(p_mapping);
                r_result.cursor := r_run.cursor || '{"noted": true}';
            end if;
        elsif not r_run.cursor ? 'noted' then
            -- it was off before
            perform tandem._note_links(p_mapping);
            r_result.cursor := r_run.cursor || '{"noted": true}';
        else
            r_result.cursor := case when v_remove then pg_catalog.jsonb_build_object(
                'stage', 'rows', 'from', tandem._key_after(p_mapping, null)
            ) else '{"stage": "columns"}' end;
            r_result.message := case when v_remove then 'taking the leaves out' end;
        end if;
    elsif v_stage = 'levels' then
        r_result.message := 'taking the upper levels out';
        if tandem._keep_levels(p_mapping, p_rows) = 0 then
            r_result.cursor := '{"stage": "columns"}';
        end if;
    else
        -- set_sync writes this row first; what it has switched on meanwhile goes off again
        perform from tandem.mapping as m where m.name = p_mapping for no key update;
        if exists (select from tandem._switches(p_mapping) as s where s.enabled) then
            r_result.cursor := '{"stage": "off"}';
            return r_result;
        end if;
        if (r_run.params ->> 'drop_columns')::boolean then
            execute pg_catalog.format('lock table %s in access exclusive mode', v_flat);
            perform tandem._refuse_dependents(p_mapping);
            perform tandem._note_links(p_mapping);
            perform tandem._drop_requirements(p_mapping);
        end if;
        perform tandem._set_phase(p_mapping, 'prepared');
        if (r_run.params ->> 'drop_columns')::boolean then
            perform tandem._set_phase(p_mapping, 'deployed');
        end if;
        r_result.done := true;
        r_result.message := pg_catalog.format('back to %s alone', v_definition ->> 'flat_name');
    end if;
    return r_result;
end
$_rollback_batch$;

comment on function tandem._rollback_batch(text, bigint, integer) is
'One batch of a rollback.';
