-- Variants come first: a merge of masters collapses what is left of them. A batch is of one table.
create or replace function tandem.apply_duplicates_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $apply_duplicates_step$
declare
    r_run tandem.run;
    r_result tandem.step_result;
    r_part record;
    r_duplicate record;
    v_ids bigint[];
    v_refused bigint[];
begin
    r_run := tandem._run_of('apply_duplicates', p_mapping, p_run);
    perform tandem._require_phase(
        p_mapping, 'apply_duplicates', array['deployed', 'ready', 'retired']
    );
    if r_run.cursor ->> 'stage' = 'sweep' then
        return tandem._sweep_duplicates(p_mapping, r_run, p_rows, p_failure);
    end if;
    r_result := row(false, '{"stage": "apply"}', 0, 0, 0, 0, null, null);
    if r_run.batches = 0 then
        r_result.total_rows := (
            select pg_catalog.count(*) from tandem.duplicate_plan as d
            where d.mapping = p_mapping and d.state = 'planned' and d.approved
                and d.action <> 'skip'
        );
    end if;
    select p.* into r_part
    from tandem._duplicate_parts(p_mapping) as p
    where exists (
        select from tandem.duplicate_plan as d
        where d.mapping = p_mapping and d.state = 'planned' and d.approved
            and d.action <> 'skip' and d.part = p.part
    )
    order by p.ordinal desc
    limit 1;
    -- what is of no table that is there is refused with the last batch
    v_ids := array(
        select d.duplicate_id from tandem.duplicate_plan as d
        where d.mapping = p_mapping and d.state = 'planned' and d.approved
            and d.action <> 'skip' and (r_part.part is null or d.part = r_part.part)
        order by d.duplicate_id
        -- a merge costs some statements for each foreign key, and its locks are felt
        limit case when exists (
            select from tandem.duplicate_plan as o
            where o.mapping = p_mapping and o.state = 'planned' and o.approved
                and o.action = 'merge'
        ) then least(p_rows, 50) else p_rows end
        for update
    );
    r_result.read_rows := pg_catalog.cardinality(v_ids);
    if v_ids = '{}' then
        r_result.cursor := '{"stage": "sweep", "after": 0}';
        return r_result;
    end if;
    if p_failure is not null then
        perform tandem._settle_duplicates(
            p_run, v_ids, case when p_failure ->> 'sqlstate' like 'TD07_' then 'refused'
                else 'failed' end, p_failure ->> 'sqlstate', tandem._say_failure(p_failure)
        );
        r_result.rejected_rows := r_result.read_rows;
        return r_result;
    end if;
    if r_part.part is not null then
        perform tandem._lock_duplicates(
            r_part, pg_catalog.array_agg(d.loser_id), pg_catalog.array_agg(d.keeper_id)
        )
        from tandem.duplicate_plan as d
        where d.duplicate_id = any (v_ids);
    end if;
    select pg_catalog.array_agg(f.duplicate_id) into v_refused
    from (
        select f.duplicate_id, tandem._settle_duplicates(
            p_run, array[f.duplicate_id], 'refused', null, f.faults)
        from (
            select f.duplicate_id, pg_catalog.string_agg(f.fault, '; ') as faults
            from tandem._duplicate_faults(p_mapping, v_ids) as f
            group by f.duplicate_id
        ) as f
    ) as f;
    r_result.rejected_rows := coalesce(pg_catalog.cardinality(v_refused), 0);
    -- One by one: what moves with one may become the same as what moves with the next.
    for r_duplicate in
        select d.* from tandem.duplicate_plan as d
        where d.duplicate_id = any (v_ids) and d.state = 'planned'
        order by d.duplicate_id
    loop
        if r_duplicate.action = 'rename' then
            perform tandem._write_column(
                p_mapping, r_duplicate.duplicate_id, 'renamed', r_part, r_duplicate.loser_id,
                r_duplicate.keeper_id, r_part.key_columns[1],
                pg_catalog.quote_literal(r_duplicate.new_name)
            );
        else
            perform tandem._merge_row(
                p_mapping, r_duplicate.duplicate_id, r_part, r_duplicate.loser_id,
                r_duplicate.keeper_id, 'merged'
            );
        end if;
        perform tandem._settle_duplicates(p_run, array[r_duplicate.duplicate_id], 'applied');
    end loop;
    r_result.written_rows := r_result.read_rows - r_result.rejected_rows;
    return r_result;
end
$apply_duplicates_step$;

comment on function tandem.apply_duplicates_step(text, bigint, integer, jsonb) is
'One batch of tandem.apply_duplicates; does not commit. Called by the loop. Admins may execute it.';
