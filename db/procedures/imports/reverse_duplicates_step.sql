create or replace function tandem.reverse_duplicates_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $reverse_duplicates_step$
declare
    r_run tandem.run;
    r_result tandem.step_result;
    r_duplicate record;
    v_ids bigint[];
begin
    r_run := tandem._run_of('reverse_duplicates', p_mapping, p_run);
    perform tandem._require_phase(
        p_mapping, 'reverse_duplicates', array['deployed', 'ready', 'retired']
    );
    r_result := row(false, '{"stage": "reverse"}', 0, 0, 0, 0, null, null);
    -- what this run could not take back is not tried again by it
    v_ids := array(
        select d.duplicate_id from tandem.duplicate_plan as d
        where d.mapping = p_mapping and d.state = 'applied' and d.run_id <> p_run
            and (r_run.params ->> 'plan_id' is null
                or d.plan_id = (r_run.params ->> 'plan_id')::bigint)
        order by d.last_change desc
        limit p_rows
        for update
    );
    r_result.read_rows := pg_catalog.cardinality(v_ids);
    if v_ids = '{}' then
        r_result.done := true;
        r_result.message := (
            select pg_catalog.format('%s taken back, %s could not be (why says it)%s',
                pg_catalog.count(*) filter (where d.state = 'reversed'),
                pg_catalog.count(*) filter (where d.state <> 'reversed'),
                '; kept as edited since: ' || nullif((
                    select pg_catalog.count(*)
                    from tandem.duplicate_change as c
                    join tandem.duplicate_plan as o on o.duplicate_id = c.duplicate_id
                    where o.run_id = p_run and c.state = 'kept'
                ), 0))
            from tandem.duplicate_plan as d
            where d.run_id = p_run
        );
        return r_result;
    end if;
    if p_failure is not null then
        update tandem.duplicate_plan as d
        set run_id = p_run, sqlstate = p_failure ->> 'sqlstate',
            why = tandem._say_failure(p_failure)
        where d.duplicate_id = any (v_ids);
        r_result.rejected_rows := r_result.read_rows;
        return r_result;
    end if;
    -- One by one, the last first: each finds what it has done itself.
    for r_duplicate in
        select d.* from tandem.duplicate_plan as d
        where d.duplicate_id = any (v_ids)
        order by d.last_change desc
    loop
        perform tandem._reverse_duplicate(p_mapping, r_duplicate.duplicate_id, p_run);
    end loop;
    r_result.written_rows := r_result.read_rows;
    return r_result;
end
$reverse_duplicates_step$;

comment on function tandem.reverse_duplicates_step(text, bigint, integer, jsonb) is
'One batch of tandem.reverse_duplicates; does not commit. Called by the loop. Admins may execute '
'it.';
