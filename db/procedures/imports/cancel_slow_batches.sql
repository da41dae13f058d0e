-- PostgreSQL's statement_timeout counts a whole CALL, all of its batches. So another session has to
-- look. It cancels what a call before, of another transaction, has marked: a mark that is not
-- committed cannot tell the batch why it ends. A session that the caller may see and not cancel,
-- which would raise, is nobody's but its own role's.
create or replace function tandem.cancel_slow_batches() returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $cancel_slow_batches$
declare
    v_cancelled integer;
begin
    -- in a transaction it would stay as it was first seen, and the next batch be cancelled
    perform pg_catalog.pg_stat_clear_snapshot();
    v_cancelled := (
        select pg_catalog.count(*) filter (
            where tandem._claim_slow_batch(b.run_id, b.marked)
                and pg_catalog.pg_cancel_backend(a.pid)
        )
        from tandem._batches() as b
        join pg_catalog.pg_stat_activity as a
            on a.pid = b.backend_pid and a.xact_start = b.marked
        join pg_catalog.pg_roles as r on r.oid = a.usesysid
        join pg_catalog.pg_roles as c on c.rolname = current_user
        where b.marked_at < pg_catalog.transaction_timestamp()
            and (c.rolsuper or not r.rolsuper and (
                pg_catalog.pg_has_role(r.oid, 'USAGE')
                or pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')
            ))
    );
    perform tandem._mark_slow_batch(b.run_id, a.xact_start)
    from tandem._batches() as b
    join pg_catalog.pg_stat_activity as a on a.pid = b.backend_pid
    where a.xact_start is distinct from b.marked and a.xact_start < pg_catalog.clock_timestamp()
        - pg_catalog.make_interval(secs => b.timeout_seconds)
    -- two that look at once must not wait for each other
    order by b.run_id;
    return v_cancelled;
end
$cancel_slow_batches$;

comment on function tandem.cancel_slow_batches() is
'Marks batches of imports that take longer than tandem.setting import_batch_timeout_seconds, and '
'cancels those that the call before has marked; returns how many. They are tried again with fewer '
'rows, and a row that takes so long alone is rejected (57014). What takes one transaction, the '
'check and the old path, ends after the time of its import (TD061). Sees sessions of the caller''s '
'role, and those of all with pg_read_all_stats and pg_signal_backend. pgtandem import run and '
'pgtandem worker call it every second; call it by pg_cron where imports are run by SQL alone. '
'Operators may call it. Example: select tandem.cancel_slow_batches();';
