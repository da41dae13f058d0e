-- What holds for the whole server and this session. Where this role cannot see, the state says so.
create or replace function tandem._doctor_server()
returns table (ordinal integer, check_name text, state text, value text, cure text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_doctor_server$
declare
    v_version integer := pg_catalog.current_setting('server_version_num')::integer;
    v_owner name := current_user;
    v_sees boolean := pg_catalog.pg_has_role('pg_read_all_stats', 'usage');
    v_levels text := (
        select pg_catalog.string_agg(g.level, ', ' order by g.level)
        from tandem._grantees() as g
        where pg_catalog.pg_has_role(session_user, g.role_name, 'usage')
    );
    v_oldest interval := (
        select pg_catalog.max(pg_catalog.clock_timestamp() - a.xact_start)
        from pg_catalog.pg_stat_activity as a
        where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
            and a.backend_type = 'client backend'
    );
    v_prepared text := (
        select pg_catalog.string_agg(pg_catalog.quote_literal(x.gid), ', ' order by x.gid)
        from pg_catalog.pg_prepared_xacts as x
        where x.database = pg_catalog.current_database()
            and x.prepared < pg_catalog.clock_timestamp() - interval '5 minutes'
    );
    v_slots text := (
        select pg_catalog.string_agg(pg_catalog.format('%s (%s of WAL)', s.slot_name,
            pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(
                case when pg_catalog.pg_is_in_recovery()
                    then pg_catalog.pg_last_wal_replay_lsn()
                else pg_catalog.pg_current_wal_lsn() end, s.restart_lsn
            ))), ', ' order by s.slot_name)
        from pg_catalog.pg_replication_slots as s
        where not s.active and s.restart_lsn is not null
    );
    v_isolation text := (
        select pg_catalog.string_agg(coalesce(r.rolname, 'all roles'), ', ' order by r.rolname)
        from pg_catalog.pg_db_role_setting as s
        left join pg_catalog.pg_roles as r on r.oid = s.setrole
        cross join lateral pg_catalog.unnest(s.setconfig) as c (setting)
        where s.setdatabase in (0, (
            select d.oid from pg_catalog.pg_database as d
            where d.datname = pg_catalog.current_database()
        )) and c.setting like 'default_transaction_isolation=%'
            and c.setting <> 'default_transaction_isolation=read committed'
    );
    v_replica text := (
        select pg_catalog.string_agg(coalesce(r.rolname, 'all roles'), ', ' order by r.rolname)
        from pg_catalog.pg_db_role_setting as s
        left join pg_catalog.pg_roles as r on r.oid = s.setrole
        where 'session_replication_role=replica' = any (s.setconfig)
    );
    v_is_super boolean := (
        select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user
    );
    v_wal_megabytes bigint := (
        select s.setting::bigint from pg_catalog.pg_settings as s where s.name = 'max_wal_size'
    );
    v_statements text := (
        select e.extversion from pg_catalog.pg_extension as e
        where e.extname = 'pg_stat_statements'
    );
    r_archiver record;
    r_failed tandem.deployment;
begin
    select a.last_archived_time, a.last_failed_time into r_archiver
    from pg_catalog.pg_stat_archiver as a;
    select d.* into r_failed from tandem.deployment as d order by d.deployment_id desc limit 1;
    return query
    select c.ordinal, c.check_name, c.state, c.value, case when c.state <> 'ok' then c.cure end
    from (
        values
        (1, 'server version', case when v_version between 150000 and 189999 then 'ok'
            else 'warning' end, pg_catalog.current_setting('server_version'),
            'PostgreSQL 15 to 18 are tested.'),
        (2, 'pgtandem', case when r_failed.result = 'failed' then 'warning' else 'ok' end,
            tandem.version() || case when r_failed.result = 'failed' then pg_catalog.format(
                '; the last deployment (%s) failed: %s', r_failed.what, r_failed.error
            ) else '' end,
            'Remove the cause and deploy again; the failed deployment changed nothing.'),
        (3, 'database', case when pg_catalog.pg_is_in_recovery() then 'problem' else 'ok' end,
            pg_catalog.current_database() || case when pg_catalog.pg_is_in_recovery()
                then ', a standby: nothing can be written' else '' end,
            'Connect to the primary.'),
        (10, 'rights of this session', case when pg_catalog.pg_has_role(
                session_user, v_owner, 'usage') or v_levels is not null then 'ok'
            else 'warning' end,
            session_user || case
                when pg_catalog.pg_has_role(session_user, v_owner, 'usage') then ', as the owner'
                when v_levels is not null then ': ' || v_levels
                else ' has no level'
            end,
            pg_catalog.format('As the owner: SELECT tandem.grant_to(%L, ''operator'');',
                session_user)),
        (11, 'owner', case when v_is_super then 'warning' else 'ok' end,
            v_owner || case when v_is_super then ', a superuser' else '' end,
            'The triggers run as this role. Deploy as the owner of the tables, who is no '
            'superuser.'),
        (12, 'sees other sessions', case when v_sees then 'ok' else 'note' end,
            case when v_sees then 'yes' else 'no' end,
            pg_catalog.format('The throttle on long transactions and replicas needs: '
                'GRANT pg_read_all_stats TO %I;', v_owner)),
        (20, 'isolation of new transactions', case
                when pg_catalog.current_setting('default_transaction_isolation') = 'read committed'
                    and v_isolation is null then 'ok' else 'note' end,
            coalesce('another than read committed for: ' || v_isolation,
                pg_catalog.current_setting('default_transaction_isolation')),
            'Runs and renames of parents need READ COMMITTED (TD043); writers above it may meet '
            '40001 and must try again.'),
        (21, 'triggers fire', case
                when pg_catalog.current_setting('session_replication_role') <> 'replica'
                    and v_replica is null then 'ok' else 'problem' end,
            coalesce('session_replication_role is replica for: ' || v_replica,
                'session_replication_role is '
                || pg_catalog.current_setting('session_replication_role')),
            'What such a session writes is not synced: drift shows it, repair mends it.'),
        (22, 'durability', case when pg_catalog.current_setting('fsync') = 'off'
                or pg_catalog.current_setting('full_page_writes') = 'off' then 'problem'
            when pg_catalog.current_setting('synchronous_commit') = 'off' then 'note'
            else 'ok' end,
            pg_catalog.format('fsync %s, full_page_writes %s, synchronous_commit %s',
                pg_catalog.current_setting('fsync'),
                pg_catalog.current_setting('full_page_writes'),
                pg_catalog.current_setting('synchronous_commit')),
            'With fsync or full_page_writes off a crash can corrupt the database; with '
            'synchronous_commit off it can take back the last batches and writes, of both shapes '
            'alike.'),
        (23, 'autovacuum', case when pg_catalog.current_setting('autovacuum') = 'on'
                and pg_catalog.current_setting('track_counts') = 'on' then 'ok'
            else 'warning' end,
            pg_catalog.format('autovacuum %s, track_counts %s',
                pg_catalog.current_setting('autovacuum'),
                pg_catalog.current_setting('track_counts')),
            'A migration leaves a dead version of each flat row. Switch both on, or VACUUM by '
            'hand.'),
        (24, 'WAL between checkpoints', case when v_wal_megabytes < 1024 then 'note'
            else 'ok' end,
            'max_wal_size ' || pg_catalog.current_setting('max_wal_size'),
            'A migration writes more than a busy day: with 1 GB or more it forces fewer '
            'checkpoints.'),
        (30, 'long transactions', case when v_oldest > interval '5 minutes' then 'warning'
                when v_sees then 'ok' else 'unknown' end,
            coalesce('the oldest is open for ' || pg_catalog.date_trunc('second', v_oldest)::text,
                case when v_sees then 'none' else 'of other roles: cannot be seen' end),
            'prepare, and switching the sync, wait for those that have a table: SELECT DISTINCT '
            'pid, relation::regclass, mode FROM pg_locks WHERE relation IS NOT NULL AND granted; '
            'how long they have is seen with pg_read_all_stats.'),
        (31, 'prepared transactions', case when v_prepared is not null then 'warning'
            else 'ok' end, coalesce(v_prepared, 'none left open'),
            'Older than five minutes: COMMIT PREPARED or ROLLBACK PREPARED; they hold their '
            'locks.'),
        (32, 'replication slots', case when v_slots is not null then 'warning' else 'ok' end,
            coalesce('not in use: ' || v_slots, 'none is left behind'),
            'The WAL of a migration stays on disk for them. Connect their consumers, or '
            'pg_drop_replication_slot().'),
        (40, 'backup', case
                when r_archiver.last_failed_time > coalesce(
                    r_archiver.last_archived_time, '-infinity') then 'problem'
                when r_archiver.last_archived_time > pg_catalog.clock_timestamp()
                    - interval '1 day' then 'ok'
                else 'unknown' end,
            case
                when r_archiver.last_failed_time > coalesce(
                    r_archiver.last_archived_time, '-infinity')
                    then 'archiving WAL fails since '
                    || pg_catalog.date_trunc('second', r_archiver.last_failed_time)::text
                when r_archiver.last_archived_time is not null then 'WAL was archived last at '
                    || pg_catalog.date_trunc('second', r_archiver.last_archived_time)::text
                else 'WAL is not archived; of dumps the server knows nothing'
            end,
            'Before a migration: pg_dump --format=custom, and try to restore it elsewhere.'),
        (50, 'pg_stat_statements', case when v_statements is not null then 'ok' else 'note' end,
            coalesce(v_statements, 'not there'),
            'Optional: it would show what each statement of the triggers costs.')
    ) as c (ordinal, check_name, state, value, cure);
end
$_doctor_server$;

comment on function tandem._doctor_server() is
'The checks of tandem.doctor that are about the server, this session and the package.';
