-- One batch of a migration: begin, switch (the sync on, table by table), restore
-- (what a rollback kept, leaves to adopt), rows, orphans, check.
create or replace function {{ S | ident }}.migrate_step(p_run bigint, p_rows integer, p_failure jsonb)
returns tandem.step_result
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as $migrate_step$
declare
    v_stage text;
    v_relation text;
    v_direction text;
    v_dry boolean;
    v_total bigint;
    v_again boolean;
    r_run tandem.run;
    r_mapping tandem.mapping := tandem._mapping_of({{ m.name | literal }});
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    v_stage := coalesce(r_run.cursor ->> 'stage', 'begin');
    v_dry := coalesce((r_run.params ->> 'dry_run')::boolean, false);
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    if v_stage = 'begin' then
        perform tandem._require_prepared({{ m.name | literal }});
        select pg_catalog.count(*), pg_catalog.bool_or({{ m.leaf.sync | column('flat') }} is not null) into v_total, v_again
        from {{ m.flat.table | relation(m.schema) }} as flat
        where (r_run.key_from is null or {{ m.flat.key | column('flat') }} >= r_run.key_from::{{ m.flat.key_type | sqltype }})
            and (r_run.key_to is null or {{ m.flat.key | column('flat') }} <= r_run.key_to::{{ m.flat.key_type | sqltype }});
        if not v_dry and r_run.key_from is null and r_run.key_to is null then
            raise notice 'Is there a backup? For example: pg_dump --format=custom --table={{ m.flat.table | relation(m.schema) | in_format }}';
        end if;
        r_result.total_rows := v_total;
        r_result.cursor := pg_catalog.jsonb_build_object(
            'stage', case when v_dry then 'rows' else 'switch' end,
            'again', coalesce(v_again, false)
        );
        return r_result;
    end if;
    if v_stage = 'switch' then
        select s.relation, s.direction into v_relation, v_direction
        from {{ S | ident }}.switches() as s
        where not s.enabled
            and (s.direction = 'flat_to_hierarchy' and r_mapping.flat_to_hierarchy
                or s.direction = 'hierarchy_to_flat' and r_mapping.hierarchy_to_flat)
        order by s.direction, s.relation
        limit 1;
        if found then
            -- waits until older writers of this table have ended, and gives way meanwhile
            perform {{ S | ident }}.switch(v_relation, v_direction, true);
            r_result.message := pg_catalog.format('%s on for %s', v_direction, v_relation);
        else
            if r_mapping.phase = 'prepared' then
                perform tandem._set_phase({{ m.name | literal }}, 'syncing');
            end if;
            -- The last key is read after the barrier: later rows are the triggers' work.
            r_result.cursor := r_run.cursor || pg_catalog.jsonb_build_object('stage', 'restore');
        end if;
        return r_result;
    end if;
    if v_stage = 'rows' then
        insert into {{ S | ident }}.inside as i (verb, run_id, batch_rows, failure)
        values ('migrate', p_run, p_rows, p_failure)
        returning (i.result).* into r_result;
        return r_result;
    end if;
    if v_stage = 'restore' then
        insert into {{ S | ident }}.inside as i (verb, run_id, batch_rows, failure)
        values ('restore', p_run, p_rows, null)
        returning (i.result).* into r_result;
        return r_result;
    end if;
    if v_stage = 'orphans' then
        insert into {{ S | ident }}.inside as i (verb, run_id, batch_rows, failure)
        values ('orphans', p_run, p_rows, null)
        returning (i.result).* into r_result;
        return r_result;
    end if;
    perform {{ S | ident }}._note_due();
    -- check: notes of rejected rows that were deleted while nothing was synced
    perform tandem._resolve(r.mapping, r.row_key, 'deleted')
    from tandem.rejected_row as r
    where r.mapping = {{ m.name | literal }} and r.side = 'flat' and r.resolved_at is null and not exists (
        select from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.flat.key | column('flat') }} = r.row_key::{{ m.flat.key_type | sqltype }}
            and {{ m.flat.status | column('flat') }} = 'rejected'
    );
    if r_run.key_from is null and r_run.key_to is null then
        if not exists (
            select from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.leaf.sync | column('flat') }} is null and {{ m.flat.status | column('flat') }} is distinct from 'rejected'
        ) then
            perform tandem._set_phase({{ m.name | literal }}, 'migrated');
        end if;
        select pg_catalog.format(
            'checks: %s passed, %s failed%s', pg_catalog.count(*) filter (where v.passed),
            pg_catalog.count(*) filter (where not v.passed),
            ' (' || pg_catalog.string_agg(v.check_name, ', ') filter (where not v.passed) || ')'
        )
        into r_result.message
        from {{ S | ident }}.validate() as v;
    end if;
    if v_dry then
        r_result.message := 'dry run: nothing was changed';
    end if;
    r_result.done := true;
    return r_result;
end
$migrate_step$;

comment on function {{ S | ident }}.migrate_step(bigint, integer, jsonb) is
'One batch of tandem.migrate; does not commit. Called by the loop. Operators may execute it.';
