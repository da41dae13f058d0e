-- What holds for one mapping, from what its status and the catalog say; the rows are not read.
create or replace function tandem._doctor_mapping(p_mapping text)
returns table (ordinal integer, check_name text, state text, value text, cure text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_doctor_mapping$
declare
    v_name text := pg_catalog.quote_literal(p_mapping);
    v_missing text;
    v_broken text;
    v_unanalyzed text;
    v_dead text;
    v_switches text;
    r_status record;
begin
    select * into strict r_status from tandem._status() as s where s.mapping = p_mapping;
    if r_status.kept_rows is null then
        return query
        select
            100, 'phase', 'problem',
            pg_catalog.format('its schema %I is gone', 'tandem_' || p_mapping),
            r_status.next_step;
        return;
    end if;
    if r_status.phase <> 'deployed' then
        select pg_catalog.string_agg(
            pg_catalog.format('%s %s on %s (%s)', x.kind, x.object, x.relation, x.fault), ', '
            order by x.ordinal
        )
        into v_missing
        from tandem._missing(p_mapping) as x;
    end if;
    select pg_catalog.string_agg(pg_catalog.format('%s (run %s)', r.kind, r.run_id), ', '
        order by r.run_id)
    into v_broken
    from tandem.run as r
    where r.mapping = p_mapping and r.finished_at is null
        and (r.state = 'running' or r.error_sqlstate is not null)
        and not tandem._running(r.run_id);
    select
        pg_catalog.string_agg(t.name, ', ' order by t.name) filter (
            where coalesce(s.last_analyze, s.last_autoanalyze) is null and s.n_live_tup > 1000
        ),
        pg_catalog.string_agg(pg_catalog.format('%s (%s %%)', t.name,
            100 * s.n_dead_tup / (s.n_live_tup + s.n_dead_tup)), ', ' order by t.name) filter (
            where s.n_dead_tup > 1000 and s.n_dead_tup > s.n_live_tup * 0.3
        )
    into v_unanalyzed, v_dead
    from tandem.mapping as m
    cross join lateral pg_catalog.jsonb_object_keys(m.definition -> 'tables') as t (name)
    join pg_catalog.pg_stat_all_tables as s on s.relid = pg_catalog.to_regclass(t.name)
    where m.name = p_mapping;
    -- in another phase a run has broken off: the next step names it
    select pg_catalog.string_agg(pg_catalog.format(
        'SELECT tandem.set_sync(%s, %L, %s);', v_name, w.direction, w.wanted::text
    ), ' ' order by w.ordinal)
    into v_switches
    from tandem.mapping as m
    cross join lateral (
        values
        (1, 'flat_to_hierarchy', r_status.flat_to_hierarchy,
            m.flat_to_hierarchy or r_status.flat_to_hierarchy = 'off'),
        (2, 'hierarchy_to_flat', r_status.hierarchy_to_flat,
            m.hierarchy_to_flat or r_status.hierarchy_to_flat = 'off'),
        (3, 'log', r_status.log, false)
    ) as w (ordinal, direction, is_now, wanted)
    where m.name = p_mapping and (
        w.direction = 'log' and w.is_now = 'partly'
        or w.direction <> 'log' and w.is_now = 'partly'
            and r_status.phase in ('syncing', 'migrated')
        or w.direction <> 'log' and w.is_now = 'off' and r_status.phase = 'migrated'
    );
    return query
    select c.ordinal, c.check_name, c.state, c.value, case when c.state <> 'ok' then c.cure end
    from (
        values
        (100, 'phase', 'ok', r_status.phase || ' since '
            || pg_catalog.date_trunc('second', r_status.phase_since)::text, null::text),
        (101, 'next step', 'note', pg_catalog.split_part(r_status.next_step, '  --', 1),
            nullif(pg_catalog.split_part(r_status.next_step, '  -- ', 2), '')),
        (102, 'made ready', case when v_missing is null then 'ok' else 'problem' end,
            case when r_status.phase = 'deployed' then 'not yet'
                else coalesce('missing: ' || v_missing, 'nothing is missing') end,
            pg_catalog.format('SELECT * FROM tandem.plan(%s);', v_name)),
        (103, 'sync switches', case
                when 'partly' in (
                    r_status.flat_to_hierarchy, r_status.hierarchy_to_flat, r_status.log
                ) then 'problem'
                when r_status.phase = 'migrated' and 'off' in (
                    r_status.flat_to_hierarchy, r_status.hierarchy_to_flat
                ) then 'warning'
                else 'ok' end,
            pg_catalog.format('flat_to_hierarchy %s, hierarchy_to_flat %s, log %s',
                coalesce(r_status.flat_to_hierarchy, 'absent'),
                coalesce(r_status.hierarchy_to_flat, 'absent'), coalesce(r_status.log, 'absent')),
            coalesce(v_switches || case when v_switches like '%hierarchy%' then pg_catalog.format(
                '  -- what was written meanwhile: SELECT * FROM tandem.drift(%s);', v_name
            ) else '' end, r_status.next_step)),
        (104, 'mapping fits the tables', case when r_status.stale is null then 'ok'
            else 'warning' end, coalesce(r_status.stale, case r_status.phase
                when 'deployed' then 'not prepared' else 'unchanged since prepare' end),
            pg_catalog.format('Take the change into the mapping, or CALL tandem.prepare(%s), '
                'which takes note of it.', v_name)),
        (105, 'runs', case when v_broken is null then 'ok' else 'warning' end,
            coalesce('broke off: ' || v_broken, 'under way: ' || r_status.running, 'none'),
            'The same CALL again goes on where it stopped.'),
        (106, 'rejected rows', case when r_status.rejected_rows = 0 then 'ok'
            else 'warning' end,
            r_status.rejected_rows::text || coalesce('; the last: ' || r_status.last_rejection, ''),
            pg_catalog.format(case when r_status.phase in ('syncing', 'migrated')
                then 'SELECT * FROM tandem.rejected_row WHERE resolved_at IS NULL; '
                    'correct the rows, or CALL tandem.retry_rejected(%s);'
                else 'SELECT * FROM tandem.rejected_row WHERE resolved_at IS NULL; '
                    'correct the rows; CALL tandem.migrate(%s) takes them.' end, v_name)),
        (107, 'dated rows', case when r_status.overdue_rows = 0 then 'ok' else 'warning' end,
            pg_catalog.format('%s overdue, %s in all', r_status.overdue_rows, r_status.due_rows),
            pg_catalog.format('CALL tandem.apply_due(%s); and schedule it.', v_name)),
        (108, 'errors of the sync', case
                when coalesce(r_status.flat_to_hierarchy_last_error,
                    r_status.hierarchy_to_flat_last_error) is null then 'ok' else 'note' end,
            pg_catalog.concat_ws('; ', 'flat_to_hierarchy: '
                || coalesce(r_status.flat_to_hierarchy_last_error, 'none noted'),
                'hierarchy_to_flat: '
                || coalesce(r_status.hierarchy_to_flat_last_error, 'none noted')),
            'docs/errors.md says what each code means; a client got it, and its write was rolled '
            'back.'),
        (109, 'statistics', case when v_unanalyzed is null then 'ok' else 'warning' end,
            coalesce('never analysed: ' || v_unanalyzed, 'all tables were analysed'),
            'ANALYZE these tables.'),
        (110, 'dead rows', case when v_dead is null then 'ok' else 'note' end,
            coalesce(v_dead, 'few'), 'VACUUM these tables, or wait for autovacuum.')
    ) as c (ordinal, check_name, state, value, cure);
end
$_doctor_mapping$;

comment on function tandem._doctor_mapping(text) is
'The checks of tandem.doctor that are about one mapping.';
