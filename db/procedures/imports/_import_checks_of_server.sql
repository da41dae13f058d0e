create or replace function tandem._import_checks_of_server(p_mapping text)
returns table (
    ordinal integer, check_name text, passed boolean, expected text, actual text, detail text
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_import_checks_of_server$
declare
    v_tables oid[] := array(
        select pg_catalog.to_regclass(q.relation)::oid from tandem._requirements(p_mapping) as q
        where q.kind = 'table'
    );
    v_missing text := (
        select pg_catalog.string_agg(i.name, ', ' order by i.ordinal)
        from tandem._index_statements(p_mapping) as i
    );
    v_used bigint := (
        select pg_catalog.sum(d.numbackends) from pg_catalog.pg_stat_database as d
    );
    v_most integer := pg_catalog.current_setting('max_connections');
    r_locks record;
    r_beside record;
    r_batches record;
begin
    with working as (
        select r.import_id, l.pid
        from tandem.run as r
        join pg_catalog.pg_locks as l
            on l.locktype = 'advisory' and l.granted and l.objsubid = 2
            and l.classid = tandem._run_lock()::oid and l.objid = r.run_id::oid
            and l.database = (
                select d.oid from pg_catalog.pg_database as d
                where d.datname = pg_catalog.current_database()
            )
        where r.mapping = p_mapping and r.kind = 'run_import' and r.finished_at is null
    ),

    held as (
        select l.pid, pg_catalog.format('%s on %s', l.mode, l.relation::regclass) as what
        from pg_catalog.pg_locks as l
        where l.locktype = 'relation' and l.relation = any (v_tables) and l.mode in (
            'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
        )
    )

    select
        (select pg_catalog.count(*) from working) as imports,
        (select pg_catalog.count(*) from held as h where h.pid in (select w.pid from working as w))
            as by_imports,
        (
            select pg_catalog.string_agg(pg_catalog.format('%s by pid %s', h.what, h.pid), ', ')
            from held as h
        ) as all_held
    into r_locks;
    -- when each attempt was at work: a run that stopped and went on was not in between
    with spans as (
        select
            r.import_id, t.run_id, t.attempt,
            pg_catalog.min(t.finished_at - t.milliseconds::float8 * interval '1 millisecond')
                as since,
            pg_catalog.max(t.finished_at) as until
        from tandem.run as r
        join tandem.run_batch as t on t.run_id = r.run_id
        where r.mapping = p_mapping and r.kind = 'run_import'
        group by r.import_id, t.run_id, t.attempt
    ),

    -- in their order, so that thousands of imports are not compared each with each
    beside as (
        select s.import_id, s.since < pg_catalog.max(s.until) over (
            order by s.since, s.run_id, s.attempt
            rows between unbounded preceding and 1 preceding
        ) as is_beside
        from spans as s
    )

    select
        (
            select pg_catalog.count(distinct b.import_id) from beside as b where b.is_beside
        ) as overlaps,
        (
            select pg_catalog.count(*) from tandem.run as r
            where r.mapping = p_mapping and r.kind = 'run_import' and r.error_sqlstate = '40P01'
        ) + (
            select pg_catalog.count(*) from tandem.rejected_row as w
            where w.mapping = p_mapping and w.import_id is not null and w.sqlstate = '40P01'
        ) as deadlocks
    into r_beside;
    select
        pg_catalog.count(*) as batches,
        pg_catalog.percentile_cont(0.95) within group (order by t.milliseconds) as p95,
        pg_catalog.max(t.milliseconds) as longest
    into r_batches
    from tandem.run as r
    join tandem.run_batch as t on t.run_id = r.run_id
    -- an import of the old path is one batch
    join tandem.import_job as j on j.import_id = r.import_id and j.importer = 'new'
    where r.mapping = p_mapping and r.kind = 'run_import' and t.read_rows > 0;
    return query
    values
    (
        2, 'no table is locked by imports', case
            when r_locks.by_imports > 0 or v_missing is not null then false
            when r_locks.imports > 0 then true
        end, 'no table lock, all indexes valid',
        pg_catalog.format(
            '%s table locks by %s running imports; %s', r_locks.by_imports, r_locks.imports,
            coalesce('not there: ' || v_missing, 'all indexes valid')
        ),
        coalesce('held now: ' || r_locks.all_held, case when r_locks.imports = 0
            then 'not measurable here: no import is running now, call it while one does'
            else 'locks in pg_locks that keep writers from the tables' end)
    ),
    (
        3, 'imports go on side by side', case
            when r_beside.deadlocks > 0 then false when r_beside.overlaps > 0 then true
        end, 'some at the same time, no deadlock',
        pg_catalog.format(
            '%s began while another was at it, %s deadlocks', r_beside.overlaps,
            r_beside.deadlocks
        ),
        case when r_beside.overlaps = 0 and r_beside.deadlocks = 0
            then 'not measurable here: no two imports have run at the same time yet'
            else 'imports that wrote batches at the same time; runs and rows that failed by '
            '40P01' end
    ),
    (
        7, 'statements are quick', r_batches.p95 < 100, 'p95 below 100 ms',
        pg_catalog.format('p95 %s ms, longest %s ms, of %s batches',
            pg_catalog.round(r_batches.p95::numeric, 1),
            pg_catalog.round(r_batches.longest, 1), r_batches.batches),
        case when r_batches.batches = 0
            then 'not measurable here: no import has written a batch yet'
            else 'batches that write; others wait for their rows so long at most. '
            'tandem.import_advice says what size to try' end
    ),
    (
        8, 'connections are left', v_used < 0.8 * v_most, 'fewer than 80 %',
        pg_catalog.format('%s %% (%s of %s)', pg_catalog.round(100.0 * v_used / v_most, 1),
            v_used, v_most),
        'sessions of the whole server now, of max_connections; how full a pool in the application '
        'is, only the application knows'
    ),
    (
        9, 'no memory is lost', null::boolean, 'flat during large imports', null::text,
        'not measurable here: SQL sees no process''s memory. ps -o pid,rss -p PID, twice, of the '
        'worker and of its session (tandem.progress, backend_pid)'
    );
end
$_import_checks_of_server$;

comment on function tandem._import_checks_of_server(text) is
'The checks of tandem.validate_imports that are about locks, time and connections.';
