create or replace function tandem.import_readiness(p_mapping text)
returns table (point text, check_name text, passed boolean, actual text, detail text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $import_readiness$
declare
    v_now timestamptz := pg_catalog.clock_timestamp();
    v_test name := (
        select d.datname from pg_catalog.pg_database as d
        where d.datname in (
            pg_catalog.current_database() || '_test', pg_catalog.current_database() || '_staging'
        )
        order by d.datname desc
        limit 1
    );
    v_off text := (
        select pg_catalog.string_agg(s.name, ', ' order by s.name)
        from tandem._settings() as s
        where s.name like 'import_alert_%_percent' and (
            tandem._setting_of(s.name)::numeric not between 1 and 99
        ) or s.name = 'import_alert_duration_seconds'
            and tandem._setting_of(s.name)::numeric not between 1 and 86400
    );
    v_back text := (
        select pg_catalog.format('run %s: %s', r.run_id, r.kind) from tandem.run as r
        where r.mapping = p_mapping and r.kind in ('undo_import', 'rollback') and r.state = 'done'
        order by r.run_id desc
        limit 1
    );
    r_archiver record;
begin
    perform tandem._mapping_of(p_mapping);
    select a.last_archived_time as done_at, a.last_failed_time > coalesce(
        a.last_archived_time, '-infinity'
    ) as is_failing
    into r_archiver
    from pg_catalog.pg_stat_archiver as a;
    return query
    select
        c.point, c.check_name,
        case when n.confirmed is false then false
            -- a backup grows old, and one of the day before is not one before the migration
            when c.point = 'backup' and n.noted_at < v_now - interval '1 day'
                then coalesce(c.measured, false)
            when n.confirmed and c.measured is distinct from false then true
            when n.confirmed and c.point in ('backup', 'rollback') then true
            else c.measured
        end,
        nullif(pg_catalog.concat_ws('; ', case when n.note_id is not null then pg_catalog.format(
            '%s by %s at %s: %s', case when n.confirmed then 'confirmed' else 'denied' end,
            n.noted_by, n.noted_at::timestamptz(0), n.note
        ) end, c.actual), ''),
        case when n.note_id is null then c.detail || pg_catalog.format(
            ' SELECT tandem.note_import_check(%L, %L, ''...''); confirms it.', p_mapping, c.point
        ) else c.detail end
    from (
        values
        (1, 'backup', 'database backup completed', case
                when r_archiver.is_failing then false
                when r_archiver.done_at > v_now - interval '1 day' then true
            end, case
                when r_archiver.is_failing then 'archiving WAL fails'
                when r_archiver.done_at is not null then 'WAL was archived last at '
                    || r_archiver.done_at::timestamptz(0)::text
                else 'WAL is not archived; of dumps the server knows nothing'
            end, 'At most a day old: pg_dump --format=custom, restored elsewhere to see that it '
            'can be.'),
        (2, 'team', 'team members aware of the schedule', null, null,
            'Not measurable here: people know it, the database does not.'),
        (3, 'test_environment', 'test environment available', null,
            case when v_test is not null then pg_catalog.format('database %I is here', v_test) end,
            'Not measurable here: a copy of production in another database or on another server.'),
        (4, 'monitoring', 'monitoring and alerts configured', case when v_off is not null
                then false end,
            coalesce('judges nothing: ' || v_off, pg_catalog.format(
                'fires at success below %s %%, rows failed above %s %%, longer than %s s',
                tandem._setting_of('import_alert_success_percent'),
                tandem._setting_of('import_alert_error_percent'),
                tandem._setting_of('import_alert_duration_seconds')
            )), 'Whether somebody asks tandem.import_alerts, and is told, is not measurable here: '
            'pgtandem import alerts --command, by a scheduler.'),
        (5, 'rollback', 'rollback plan documented and tested', case when v_back is not null
                then true end,
            v_back, 'A way back that was gone in this database is one that was tested; of another '
            'one it is not measurable here.'),
        (6, 'window', 'maintenance window scheduled, if needed', null, null,
            'Not measurable here. Imports themselves need none; missing indexes on large tables '
            'are built CONCURRENTLY.')
    ) as c (ordinal, point, check_name, measured, actual, detail)
    left join lateral (
        select x.* from tandem.import_check_note as x
        where x.mapping = p_mapping and x.point = c.point
        order by x.note_id desc
        limit 1
    ) as n on true
    order by c.ordinal;
end
$import_readiness$;

comment on function tandem.import_readiness(text) is
'The checklist before an old import is replaced, a row per point: passed, what was seen or '
'confirmed (by whom, when), and what it asks for. passed NULL: not measurable here, and nobody '
'has confirmed it by tandem.note_import_check. Operators may call it. Error: TD001. '
'Example: select point, passed, actual from tandem.import_readiness(''items'');';
