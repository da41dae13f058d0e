-- One statement of prepare: the first that is missing. Tables that are there are adopted.
create or replace function tandem.prepare_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $prepare_step$
declare
    v_made integer;
    v_left integer := 0;
    r_missing record;
    r_result tandem.step_result;
begin
    perform tandem._run_of('prepare', p_mapping, p_run);
    r_result := row(false, '{}', 0, 0, 0, 0, null, null);
    v_made := (
        select (r.cursor ->> 'made')::integer from tandem.run as r where r.run_id = p_run
    );
    r_result.cursor := pg_catalog.jsonb_build_object('stage', 'make', 'made', coalesce(v_made, 0));
    if v_made is null then
        perform tandem._refuse_blocked(p_mapping);
        return r_result;
    end if;
    -- one may have been made by another role while a batch waited for a lock
    perform tandem._require_own(p_mapping);
    select * into r_missing from tandem._missing(p_mapping) as x
    where x.run_by = 'procedure'
    limit 1;
    if found then
        if r_missing.fault <> 'absent' then
            raise exception '% % of % %', r_missing.kind, r_missing.object, r_missing.relation,
                r_missing.fault
            using errcode = 'TD004',
                detail = 'prepare only adds what is absent; it changes and drops nothing of yours.',
                hint = pg_catalog.format(
                    'Rename or drop it by hand, or change the mapping. To be made: %s',
                    r_missing.statement
                );
        end if;
        execute r_missing.statement;
        r_result.cursor := r_result.cursor || pg_catalog.jsonb_build_object('made', v_made + 1);
        r_result.message := pg_catalog.format(
            '%s %s on %s made', r_missing.kind, r_missing.object, r_missing.relation
        );
        return r_result;
    end if;
    if (tandem._mapping_of(p_mapping)).phase = 'deployed' then
        -- this may be another attempt, long after the first
        perform tandem._refuse_blocked(p_mapping);
        perform tandem._set_phase(p_mapping, case (tandem._mapping_of(p_mapping)).area
            when 'imports' then 'ready' else 'prepared' end);
    end if;
    update tandem.mapping as t
    set shape = tandem._shape(p_mapping)
    where t.name = p_mapping;
    for r_missing in
        select * from tandem._missing(p_mapping) as x where x.run_by <> 'procedure'
    loop
        raise notice 'left to do, outside a transaction: %;', pg_catalog.regexp_replace(
            r_missing.statement, ' index ', ' index concurrently ');
        v_left := v_left + 1;
    end loop;
    if (tandem._mapping_of(p_mapping)).phase in ('syncing', 'migrated') then
        -- a trigger that was gone is made switched off
        perform tandem.set_sync(p_mapping, d.direction, true)
        from (
            select distinct s.direction from tandem._switches_due(p_mapping) as s where s.wished
        ) as d;
    end if;
    r_result.done := true;
    r_result.message := 'prepared';
    if v_left > 0 then
        -- migrate refuses to begin without them
        r_result.message := pg_catalog.format(
            'prepared, but indexes are left to build (%s); next: %s', v_left,
            tandem._next_step(p_mapping)
        );
    elsif (tandem._mapping_of(p_mapping)).phase in ('prepared', 'ready') then
        r_result.message := pg_catalog.format('prepared; next: %s', tandem._next_step(p_mapping));
    end if;
    return r_result;
end
$prepare_step$;

comment on function tandem.prepare_step(text, bigint, integer, jsonb) is
'One statement of tandem.prepare; does not commit. Called by the loop. Admins may execute it.';
