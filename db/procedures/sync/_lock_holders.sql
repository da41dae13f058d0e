create or replace function tandem._lock_holders(p_mapping text) returns text
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_lock_holders$
    select pg_catalog.string_agg(h.holder, '; ' order by h.holder)
    from (
        select pg_catalog.format(
            'backend %s (%s) has %s on %s', l.pid, coalesce(a.usename, 'of another role'),
            pg_catalog.string_agg(distinct l.mode, ', ' order by l.mode), l.relation::regclass
        ) as holder
        from tandem.mapping as m
        cross join lateral pg_catalog.jsonb_object_keys(m.definition -> 'tables') as k (relation)
        join pg_catalog.pg_locks as l on l.relation = pg_catalog.to_regclass(k.relation)
        left join pg_catalog.pg_stat_activity as a on a.pid = l.pid
        where m.name = p_mapping and l.granted and l.pid <> pg_catalog.pg_backend_pid()
            and l.mode <> 'AccessShareLock'
            and l.database = (
                select d.oid from pg_catalog.pg_database as d
                where d.datname = pg_catalog.current_database()
            )
        group by l.pid, a.usename, l.relation
        limit 5
    ) as h
$_lock_holders$;

comment on function tandem._lock_holders(text) is
'Who holds locks on the tables of a mapping now, as a sentence; NULL where nobody does.';
