create or replace function tandem._running(p_run bigint) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $_running$
    select exists (
        select
        from pg_catalog.pg_locks as l
        where l.locktype = 'advisory' and l.granted and l.objsubid = 2
            and l.classid = tandem._run_lock()::oid and l.objid = p_run::oid
            and l.database = (
                select d.oid from pg_catalog.pg_database as d
                where d.datname = pg_catalog.current_database()
            )
    )
$_running$;

comment on function tandem._running(bigint) is
'True while a session works on a run: it holds the run''s advisory lock.';
