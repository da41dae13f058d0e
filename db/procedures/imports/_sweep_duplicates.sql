-- Who was about to refer to a merged row waited for the batch, and then did: its foreign key finds
-- the row, deleted softly as it is. Locking that row once more waits for who got there.
create or replace function tandem._sweep_duplicates(
    p_mapping text, p_run tandem.run, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_sweep_duplicates$
declare
    r_result tandem.step_result;
    r_part record;
    r_merged record;
    v_changes bigint[];
    v_last bigint;
    v_is_live boolean;
    v_moved integer := coalesce((p_run.cursor ->> 'moved')::integer, 0);
begin
    r_result := row(false, p_run.cursor, 0, 0, 0, 0, null, null);
    v_changes := array(
        select c.change_id
        from tandem.duplicate_change as c
        join tandem.duplicate_plan as d on d.duplicate_id = c.duplicate_id
        where d.mapping = p_mapping and d.state = 'applied' and c.state = 'done'
            and c.action in ('merged', 'collapsed')
            and c.change_id > (p_run.cursor ->> 'after')::bigint
        order by c.change_id
        limit p_rows
    );
    if v_changes = '{}' then
        r_result.done := true;
        r_result.message := (
            select pg_catalog.format(
                '%s applied, %s refused or failed (why says it)%s',
                pg_catalog.count(*) filter (where d.state = 'applied'),
                pg_catalog.count(*) filter (where d.state in ('refused', 'failed')),
                case when v_moved > 0
                    then pg_catalog.format('; references that came late: %s', v_moved) end
            )
            from tandem.duplicate_plan as d
            where d.run_id = p_run.run_id
        );
        return r_result;
    end if;
    v_last := v_changes[pg_catalog.cardinality(v_changes)];
    if p_failure is not null then
        update tandem.duplicate_change as c set why = tandem._say_failure(p_failure)
        where c.change_id = v_last;
    else
        for r_part in select * from tandem._duplicate_parts(p_mapping) as p loop
            perform tandem._lock_duplicates(r_part, pg_catalog.array_agg(c.row_id), '{}')
            from tandem.duplicate_change as c
            where c.change_id = any (v_changes) and c.part = r_part.part
            having pg_catalog.count(*) > 0;
            -- In the order in which they were merged: a keeper may have given way since.
            for r_merged in
                select c.change_id, c.duplicate_id, c.row_id, c.keeper_id
                from tandem.duplicate_change as c
                where c.change_id = any (v_changes) and c.part = r_part.part
                    and c.row_id in (
                        select r.row_id from tandem._referred_to(p_mapping, r_part.part, array(
                            select o.row_id from tandem.duplicate_change as o
                            where o.change_id = any (v_changes) and o.part = r_part.part
                        )) as r
                    )
                order by c.change_id
            loop
                -- one that came back keeps what it has
                execute pg_catalog.format(
                    'select pg_catalog.bool_and(case t.%1$I when %2$L::%3$s then not (%4$s) '
                    'else true end) and pg_catalog.count(*) = 2 '
                    'from %5$s as t where t.%1$I in (%2$L::%3$s, %6$L::%3$s)',
                    r_part.id_column, r_merged.row_id, r_part.id_type, r_part.live,
                    r_part.relation, r_merged.keeper_id
                ) into v_is_live;
                continue when not v_is_live;
                perform tandem._move_references(
                    p_mapping, r_merged.duplicate_id, r_part, r_merged.row_id, r_merged.keeper_id
                );
                v_moved := v_moved + 1;
                update tandem.duplicate_plan as d
                set last_change = (
                    select pg_catalog.max(c.change_id) from tandem.duplicate_change as c
                    where c.duplicate_id = d.duplicate_id
                )
                where d.duplicate_id = r_merged.duplicate_id;
            end loop;
        end loop;
    end if;
    r_result.cursor := pg_catalog.jsonb_build_object(
        'stage', 'sweep', 'after', v_last, 'moved', v_moved
    );
    return r_result;
end
$_sweep_duplicates$;

comment on function tandem._sweep_duplicates(text, tandem.run, integer, jsonb) is
'A batch of the end of tandem.apply_duplicates: what came to refer to merged rows moves to their '
'keepers.';
