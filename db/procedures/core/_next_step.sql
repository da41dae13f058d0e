-- What is in the way comes first, then what is left undone, then what only grows old.
create or replace function tandem._next_step(p_mapping text) returns text
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_next_step$
declare
    r_mapping tandem.mapping := tandem._mapping_of(p_mapping);
    v_phase text := r_mapping.phase;
    v_name text := pg_catalog.quote_literal(p_mapping);
    v_index text;
    v_off text;
    v_overdue bigint;
    v_rejected bigint;
    r_run record;
begin
    if v_phase = 'deployed' then
        return pg_catalog.format(
            'SELECT * FROM tandem.plan(%s);  -- then CALL tandem.prepare(%s)', v_name, v_name
        );
    end if;
    if r_mapping.area = 'imports' then
        return tandem._import_next_step(p_mapping);
    end if;
    select i.statement into v_index from tandem._index_statements(p_mapping) as i
    order by i.ordinal
    limit 1;
    if found then
        return pg_catalog.format(
            '%s  -- alone; an index is missing, SELECT * FROM tandem.plan(%s) lists all',
            v_index, v_name
        );
    end if;
    select r.run_id, r.kind into r_run from tandem.run as r
    where r.mapping = p_mapping and r.finished_at is null and tandem._running(r.run_id)
    order by r.run_id desc
    limit 1;
    if found then
        return pg_catalog.format(
            'SELECT * FROM tandem.progress WHERE run_id = %s;  -- %s is under way%s', r_run.run_id,
            r_run.kind, case when tandem._hold_reason() <> '' then ', but waits: '
                || tandem._hold_reason() else '' end
        );
    end if;
    select r.run_id, r.kind, r.error_sqlstate, r.error_message into r_run from tandem.run as r
    where r.mapping = p_mapping and r.finished_at is null
        and r.kind in ('prepare', 'migrate', 'rollback')
        and not r.params @> '{"dry_run": true}'
    order by r.run_id desc
    limit 1;
    if found then
        return pg_catalog.format('%s  -- %s%s', tandem._call_of(r_run.run_id),
            case when r_run.error_sqlstate is null then 'goes on where it stopped'
                else pg_catalog.format('it stopped with %s: %s', r_run.error_sqlstate,
                    pg_catalog.translate(r_run.error_message, e'\n\r', '  ')) end,
            case when r_run.kind = 'rollback' then pg_catalog.format(
                '; or forward again: CALL tandem.migrate(%s)', v_name) else '' end
        );
    end if;
    -- the last real run broke off and begins again: what it said comes before the same call
    select r.run_id, r.kind, r.error_sqlstate, r.error_message, r.state, r.batches into r_run
    from tandem.run as r
    where r.mapping = p_mapping and not r.params @> '{"dry_run": true}'
    order by r.run_id desc
    limit 1;
    if r_run.state = 'failed' and r_run.error_sqlstate is not null and r_run.batches > 0 then
        return pg_catalog.format('%s  -- %sit ended with %s: %s', case r_run.kind
                when 'repair' then pg_catalog.format('SELECT * FROM tandem.drift(%s);', v_name)
                else tandem._call_of(r_run.run_id) end,
            case when r_run.kind = 'repair' then pg_catalog.format(
                'is that side still right? %s ', tandem._call_of(r_run.run_id)) end,
            r_run.error_sqlstate, pg_catalog.translate(r_run.error_message, e'\n\r', '  ')
        );
    end if;
    if v_phase = 'prepared' then
        return pg_catalog.format(
            'SELECT * FROM tandem.analyze(%s);  -- then CALL tandem.migrate(%s)', v_name, v_name
        );
    elsif v_phase = 'syncing' then
        return pg_catalog.format('CALL tandem.migrate(%s);', v_name);
    end if;
    select s.direction into v_off from tandem._switches(p_mapping) as s
    where not s.enabled and s.direction <> 'log'
    order by s.direction
    limit 1;
    if found then
        return pg_catalog.format(
            'SELECT tandem.set_sync(%s, %L, true);  -- it is off; then tandem.drift_count(%s) and '
            'CALL tandem.repair', v_name, v_off, v_name
        );
    end if;
    select r.run_id, r.kind into r_run from tandem.run as r
    where r.mapping = p_mapping and r.finished_at is null and not r.params @> '{"dry_run": true}'
    order by r.run_id desc
    limit 1;
    if found then
        return pg_catalog.format('%s  -- goes on where it stopped%s',
            tandem._call_of(r_run.run_id), case when r_run.kind = 'repair' then pg_catalog.format(
                ', if that side is still right: SELECT * FROM tandem.drift(%s)', v_name
            ) else '' end
        );
    end if;
    execute pg_catalog.format(
        'select pg_catalog.count(*) from %I.due as d '
        'where d.effective <= pg_catalog.clock_timestamp()', 'tandem_' || p_mapping
    ) into v_overdue;
    if v_overdue > 0 then
        return pg_catalog.format(
            'CALL tandem.apply_due(%s);  -- %s dated rows are overdue; schedule the call',
            v_name, v_overdue
        );
    elsif tandem._stale(p_mapping) is not null then
        return pg_catalog.format(
            'SELECT * FROM tandem.analyze(%s);  -- tables have changed since prepare, see the '
            'column stale; CALL tandem.prepare(%s) takes note of it', v_name, v_name
        );
    end if;
    select pg_catalog.count(*) into v_rejected from tandem.rejected_row as r
    where r.mapping = p_mapping and r.resolved_at is null;
    if v_rejected > 0 then
        return pg_catalog.format(
            'SELECT * FROM tandem.rejected_row WHERE mapping = %s AND resolved_at IS NULL;  '
            '-- %s rows are kept back: correct them', v_name, v_rejected
        );
    end if;
    return pg_catalog.format(
        'SELECT * FROM tandem.validate(%s);  -- and watch tandem.status', v_name
    );
end
$_next_step$;

comment on function tandem._next_step(text) is
'The statement that comes next for a mapping, and why as a comment.';
