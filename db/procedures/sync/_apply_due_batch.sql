-- One batch of dated rows whose time has come.
create or replace function tandem._apply_due_batch(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_apply_due_batch$
declare
    v_schema text := 'tandem_' || p_mapping;
    v_own boolean := tandem._has_own_triggers(p_mapping);
    v_written boolean;
    r_due record;
    r_result tandem.step_result;
begin
    r_result := row(false, '{}', 0, 0, 0, 0, null, null);
    -- row by row, because each locks its own leaf
    for r_due in execute pg_catalog.format(
        'select due.leaf_id, due.satellite, pg_catalog.max(due.effective) as effective
        from %I.due as due
        where due.effective <= pg_catalog.clock_timestamp()
        group by due.leaf_id, due.satellite
        order by due.leaf_id
        limit $1', v_schema
    ) using p_rows
    loop
        r_result.read_rows := r_result.read_rows + 1;
        if p_failure is not null then
            -- this one alone fails: kept as a rejected row, out of the way of the others
            perform tandem._reject(
                p_mapping, 'hierarchy', r_due.leaf_id::text, pg_catalog.to_json(r_due),
                p_failure ->> 'sqlstate', p_failure ->> 'message',
                coalesce(nullif(p_failure ->> 'hint', ''), p_failure ->> 'detail'), p_run
            );
            r_result.rejected_rows := r_result.rejected_rows + 1;
        else
            execute pg_catalog.format('select %I.%I($1)', v_schema, '_pull_' || r_due.satellite)
            into v_written using r_due.leaf_id;
            if v_own then
                -- to the triggers a batch's writes are no news: what an own one derived
                execute pg_catalog.format('select %I._settle($1)', v_schema)
                using r_due.leaf_id;
            end if;
            if v_written then
                r_result.written_rows := r_result.written_rows + 1;
            end if;
        end if;
        execute pg_catalog.format(
            'delete from %I.due as due
            where due.leaf_id = $1 and due.satellite = $2 and due.effective <= $3', v_schema
        ) using r_due.leaf_id, r_due.satellite, r_due.effective;
    end loop;
    r_result.unchanged_rows := r_result.read_rows - r_result.written_rows - r_result.rejected_rows;
    r_result.done := r_result.read_rows = 0;
    return r_result;
end
$_apply_due_batch$;

comment on function tandem._apply_due_batch(text, bigint, integer, jsonb) is
'Writes one batch of dated rows whose time has come to the flat table.';
