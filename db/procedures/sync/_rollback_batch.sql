-- One batch of a rollback: begin, off (the triggers, table by table), rows, levels, columns.
create or replace function {{ S | ident }}._rollback_batch(p_run bigint, p_rows integer)
returns tandem.step_result
language plpgsql
set search_path = {{ m.search_path | path }}
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set enable_bitmapscan = off
as $_rollback_batch$
declare
    v_stage text;
    v_remove boolean;
    v_relation text;
    v_direction text;
    v_last {{ m.flat.key_type | sqltype }};
    v_count bigint;
    r_run tandem.run;
    r_row record;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    v_stage := coalesce(r_run.cursor ->> 'stage', 'begin');
    v_remove := r_run.params ->> 'hierarchy' = 'remove';
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    if v_stage = 'begin' then
        select pg_catalog.count(*) into v_count from {{ m.flat.table | relation(m.schema) }} as flat;
        r_result.total_rows := v_count;
        r_result.cursor := '{"stage": "off"}';
    elsif v_stage = 'off' then
        select s.relation, s.direction into v_relation, v_direction
        from {{ S | ident }}.switches() as s
        where s.enabled
        order by s.direction desc, s.relation
        limit 1;
        if found then
            perform {{ S | ident }}.switch(v_relation, v_direction, false);
            r_result.message := pg_catalog.format('%s off for %s', v_direction, v_relation);
        else
            r_result.cursor := pg_catalog.jsonb_build_object('stage', 'rows', 'from', (
                select {{ m.flat.key | column('flat') }}::text from {{ m.flat.table | relation(m.schema) }} as flat
            order by {{ m.flat.key | column('flat') }} limit 1
            ));
            r_result.message := 'noting which row belongs to which leaf';
        end if;
    elsif v_stage = 'rows' then
        select (pg_catalog.array_agg(b.batch_key order by b.batch_key desc))[1], pg_catalog.count(*) into v_last, r_result.read_rows
        from (
            select {{ m.flat.key | column('flat') }} as batch_key
            from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.flat.key | column('flat') }} >= (r_run.cursor ->> 'from')::{{ m.flat.key_type | sqltype }}
            order by {{ m.flat.key | column('flat') }}
            limit p_rows
            for no key update
        ) as b;
        insert into {{ S | ident }}.kept (flat_key, leaf_id, reason)
        select {{ m.flat.key | column('flat') }}::text, {{ m.leaf.sync | column('flat') }}, 'rollback'
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.flat.key | column('flat') }} >= (r_run.cursor ->> 'from')::{{ m.flat.key_type | sqltype }}
            and {{ m.flat.key | column('flat') }} <= v_last and {{ m.leaf.sync | column('flat') }} is not null
        on conflict (leaf_id) do update
        set flat_key = excluded.flat_key, leaf = null, satellites = '{}', reason = excluded.reason,
            kept_at = excluded.kept_at;
        get diagnostics v_count = row_count;
        r_result.written_rows := v_count;
        r_result.unchanged_rows := r_result.read_rows - v_count;
        if v_remove then
            -- one by one: keeping a leaf is one routine's work
            for r_row in
                select {{ m.flat.key | column('flat') }}::text as flat_key, {{ m.leaf.sync | column('flat') }} as leaf_id
                from {{ m.flat.table | relation(m.schema) }} as flat
                where {{ m.flat.key | column('flat') }} >= (r_run.cursor ->> 'from')::{{ m.flat.key_type | sqltype }}
                    and {{ m.flat.key | column('flat') }} <= v_last and {{ m.leaf.sync | column('flat') }} is not null
            loop
                perform {{ S | ident }}._keep(r_row.leaf_id, r_row.flat_key, 'rollback');
            end loop;
        end if;
        r_result.cursor := coalesce((
            select pg_catalog.jsonb_build_object('stage', 'rows', 'from', {{ m.flat.key | column('flat') }}::text)
            from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.flat.key | column('flat') }} > v_last
            order by {{ m.flat.key | column('flat') }}
            limit 1
        ), '{"stage": "levels"}');
    elsif v_stage = 'levels' then
        v_count := 0;
        if v_remove then
            v_count := {{ S | ident }}._keep_levels(p_rows);
        end if;
        if v_count = 0 then
            r_result.cursor := '{"stage": "columns"}';
        end if;
    else
        if (r_run.params ->> 'drop_columns')::boolean then
            perform {{ S | ident }}._drop_requirements();
        end if;
        if (tandem._mapping_of({{ m.name | literal }})).phase <> 'prepared' then
            perform tandem._set_phase({{ m.name | literal }}, 'prepared');
        end if;
        if (r_run.params ->> 'drop_columns')::boolean then
            perform tandem._set_phase({{ m.name | literal }}, 'deployed');
        end if;
        r_result.done := true;
        r_result.message := 'back to {{ m.flat.table | in_text }} alone';
    end if;
    return r_result;
end
$_rollback_batch$;

comment on function {{ S | ident }}._rollback_batch(bigint, integer) is
'One batch of a rollback.';
