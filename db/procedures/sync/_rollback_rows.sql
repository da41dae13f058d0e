-- Stage note: notes in kept which flat row belongs to which leaf. Stage rows: the hierarchy is to
-- be removed, so the leaves go, and are kept. Index plans are held to, because plans may be made
-- before anything was analysed.
create or replace function tandem._rollback_rows(p_mapping text, p_run bigint, p_rows integer)
returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set enable_bitmapscan = off
set jit = off
as $_rollback_rows$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_schema text := 'tandem_' || p_mapping;
    v_flat text := v_definition ->> 'flat';
    v_key text := pg_catalog.format('flat.%I', v_definition ->> 'key');
    v_type text := v_definition ->> 'key_type';
    v_link text := (
        select pg_catalog.format('flat.%I', l.sync) from tandem._levels(p_mapping) as l
        where l.is_leaf
    );
    v_stage text;
    v_remove boolean;
    v_last text;
    v_next text;
    v_done bigint;
    v_leaves uuid[];
    r_run tandem.run;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    v_stage := r_run.cursor ->> 'stage';
    v_remove := r_run.params ->> 'hierarchy' = 'remove';
    r_result := row(false, case v_stage when 'note' then '{"stage": "off"}'::jsonb
        else '{"stage": "levels"}' end, 0, 0, 0, 0, null, null);
    select b.last_key, b.rows_locked into v_last, r_result.read_rows
    from tandem._lock_batch(p_mapping, r_run.cursor ->> 'from', p_rows) as b;
    if v_last is null then
        return r_result;
    end if;
    if v_stage = 'note' then
        v_done := tandem._note_links(p_mapping, r_run.cursor ->> 'from', v_last);
    else
        perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
        execute pg_catalog.format(
            'select pg_catalog.array_agg(%2$s) from %3$s as flat
            where %1$s >= $1::%4$s and %1$s <= $2::%4$s', v_key, v_link, v_flat, v_type
        ) into v_leaves using r_run.cursor ->> 'from', v_last;
        perform tandem._lock_leaves(p_mapping, v_leaves);
        perform tandem._refuse_removal(p_mapping);
        execute pg_catalog.format(
            'select pg_catalog.count(*) filter (
                where %1$I._keep(%3$s, %2$s::text, ''rollback'')
            )
            from %4$s as flat
            where %2$s >= $1::%5$s and %2$s <= $2::%5$s and %3$s is not null',
            v_schema, v_key, v_link, v_flat, v_type
        ) into v_done using r_run.cursor ->> 'from', v_last;
    end if;
    r_result.written_rows := case when v_remove and v_stage = 'note' then 0 else v_done end;
    r_result.unchanged_rows := r_result.read_rows - r_result.written_rows;
    v_next := tandem._key_after(p_mapping, v_last);
    if v_next is not null then
        r_result.cursor := pg_catalog.jsonb_build_object('stage', v_stage, 'from', v_next);
    end if;
    return r_result;
end
$_rollback_rows$;

comment on function tandem._rollback_rows(text, bigint, integer) is
'One batch of the flat rows of a rollback.';
