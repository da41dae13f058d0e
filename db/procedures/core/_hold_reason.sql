create or replace function tandem._hold_reason() returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_hold_reason$
declare
    v_max_age integer := tandem._setting_of('max_transaction_age')::integer;
    v_max_lag numeric := tandem._setting_of('max_replica_lag')::numeric;
    v_age numeric;
    v_lag numeric;
    v_sees boolean := pg_catalog.pg_has_role('pg_read_all_stats', 'usage');
begin
    if tandem._setting_of('pause') = 'on' then
        return 'tandem.setting pause is on';
    end if;
    if v_max_age > 0 then
        select pg_catalog.max(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start))
        into v_age
        from pg_catalog.pg_stat_activity as a
        where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
            and a.backend_type = 'client backend';
        if v_age > v_max_age then
            return 'a transaction is older than max_transaction_age';
        end if;
    end if;
    if v_max_lag > 0 then
        select pg_catalog.max(
            pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.replay_lsn)
        )
        into v_lag
        from pg_catalog.pg_stat_replication as s;
        if v_lag > v_max_lag then
            return 'a replica is behind by more than max_replica_lag';
        end if;
    end if;
    if (v_max_age > 0 or v_max_lag > 0) and not v_sees then
        return 'cannot see other roles'' transactions or replicas: max_transaction_age and '
            'max_replica_lag work only with GRANT pg_read_all_stats TO ' || current_user;
    end if;
    return '';
end
$_hold_reason$;

comment on function tandem._hold_reason() is
'Why runs should wait now (pause, a long transaction, a replica that lags), or an empty text.';
