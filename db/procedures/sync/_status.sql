create or replace function tandem._status()
returns table (
    mapping text, phase text, next_step text, phase_since timestamptz, flat_table text,
    flat_to_hierarchy text,
    hierarchy_to_flat text, log text, flat_rows_estimate bigint, rejected_rows bigint,
    kept_rows bigint, due_rows bigint, overdue_rows bigint,
    flat_to_hierarchy_calls bigint, flat_to_hierarchy_errors bigint,
    flat_to_hierarchy_mean_ms numeric,
    hierarchy_to_flat_calls bigint, hierarchy_to_flat_errors bigint,
    hierarchy_to_flat_mean_ms numeric, flat_to_hierarchy_last_error text,
    hierarchy_to_flat_last_error text, last_rejection text, stale text, running text
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_status$
declare
    r_mapping tandem.mapping;
begin
    for mapping, phase, next_step, phase_since, flat_table in
        select m.name, m.phase, pg_catalog.format(
            'DELETE FROM tandem.mapping WHERE name = %L;  -- its schema %I is gone; or deploy it '
            'again', m.name, 'tandem_' || m.name
        ), m.phase_since, case m.area when 'sync'
            then pg_catalog.format('%I.%I', m.schema_name, m.flat_table) end
        from tandem.mapping as m
        where m.name not in (select s.mapping from tandem._own_schemas() as s where s.mapping <> '')
        order by m.name
    loop
        return next;
    end loop;
    for mapping, phase, phase_since, rejected_rows, next_step, running in
        select m.name, m.phase, m.phase_since, (
            select pg_catalog.count(*) from tandem.rejected_row as r
            where r.mapping = m.name and r.resolved_at is null
        ), tandem._next_step(m.name), (
            select pg_catalog.string_agg(pg_catalog.format('%s (run %s)', r.kind, r.run_id), ', ')
            from tandem.run as r
            where r.mapping = m.name and r.finished_at is null and tandem._running(r.run_id)
        )
        from tandem.mapping as m
        join tandem._own_schemas() as s on s.mapping = m.name
        where m.area = 'imports'
        order by m.name
    loop
        flat_table := null;
        return next;
    end loop;
    for r_mapping in
        select m.* from tandem.mapping as m
        join tandem._own_schemas() as s on s.mapping = m.name
        where m.area = 'sync'
        order by m.name
    loop
        mapping := r_mapping.name;
        phase := r_mapping.phase;
        phase_since := r_mapping.phase_since;
        flat_table := pg_catalog.format('%I.%I', r_mapping.schema_name, r_mapping.flat_table);
        select
            pg_catalog.max(x.state) filter (where x.direction = 'flat_to_hierarchy'),
            pg_catalog.max(x.state) filter (where x.direction = 'hierarchy_to_flat'),
            pg_catalog.max(x.state) filter (where x.direction = 'log')
        into flat_to_hierarchy, hierarchy_to_flat, log
        from (
            select
                w.direction,
                case when pg_catalog.bool_and(w.enabled) then 'on'
                    when pg_catalog.bool_or(w.enabled) then 'partly' else 'off' end as state
            from tandem._switches(r_mapping.name) as w
            group by w.direction
        ) as x;
        flat_rows_estimate := (
            select nullif(c.reltuples, -1)::bigint from pg_catalog.pg_class as c
            where c.oid = pg_catalog.to_regclass(flat_table)
        );
        select pg_catalog.count(*), (pg_catalog.array_agg(
            pg_catalog.format('%s row %s: %s', r.side, r.row_key, r.message) order by r.last_at desc
        ))[1]
        into rejected_rows, last_rejection
        from tandem.rejected_row as r
        where r.mapping = r_mapping.name and r.resolved_at is null;
        execute pg_catalog.format(
            'select
                (select pg_catalog.count(*) from %1$I.kept),
                (select pg_catalog.count(*) from %1$I.due),
                (
                    select pg_catalog.count(*) from %1$I.due as d
                    where d.effective <= pg_catalog.clock_timestamp()
                )',
            'tandem_' || mapping
        ) into kept_rows, due_rows, overdue_rows;
        select c.calls, c.errors, c.mean_ms
        into flat_to_hierarchy_calls, flat_to_hierarchy_errors, flat_to_hierarchy_mean_ms
        from tandem._calls('tandem_' || mapping, 'f2h') as c;
        select c.calls, c.errors, c.mean_ms
        into hierarchy_to_flat_calls, hierarchy_to_flat_errors, hierarchy_to_flat_mean_ms
        from tandem._calls('tandem_' || mapping, 'h2f') as c;
        flat_to_hierarchy_last_error := tandem._last_error('tandem_' || mapping, 'f2h');
        hierarchy_to_flat_last_error := tandem._last_error('tandem_' || mapping, 'h2f');
        stale := tandem._stale(r_mapping.name);
        running := (
            select pg_catalog.string_agg(pg_catalog.format('%s (run %s)', r.kind, r.run_id), ', ')
            from tandem.run as r
            where r.mapping = r_mapping.name and r.finished_at is null and tandem._running(r.run_id)
        );
        next_step := tandem._next_step(r_mapping.name);
        return next;
    end loop;
end
$_status$;

comment on function tandem._status() is 'The rows of the view tandem.status.';
