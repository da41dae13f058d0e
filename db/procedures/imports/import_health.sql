create or replace function tandem.import_health(p_import bigint default null)
returns table (
    import_id bigint, health text, why text, since timestamptz, done_rows integer,
    total_rows integer, run_id bigint, backend_pid integer, blocked_by integer[], cure text
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $import_health$
    with looked as (
        select
            j.*, r.run_id as at_run, r.backend_pid as at_pid, r.batches, l.is_alive,
            b.last_batch, b.mean_ms,
            extract(epoch from pg_catalog.clock_timestamp() - coalesce(
                b.last_batch, (r.cursor ->> 'since')::timestamptz, r.updated_at
            )) as quiet,
            extract(epoch from pg_catalog.clock_timestamp() - (r.cursor ->> 'since')::timestamptz)
            as elapsed,
            case when l.is_alive then pg_catalog.pg_blocking_pids(r.backend_pid) else '{}' end
            as blockers,
            (
                select pg_catalog.count(*)
                from tandem.import_worker as w
                join pg_catalog.pg_stat_activity as a on a.pid = w.backend_pid
                where w.mapping is null or w.mapping = j.mapping
            ) as workers
        from tandem.import_job as j
        left join lateral (
            select u.* from tandem.run as u
            where u.import_id = j.import_id and u.kind = 'run_import' and u.finished_at is null
            order by u.run_id desc
            limit 1
        ) as r on true
        cross join lateral (
            select coalesce(tandem._running(r.run_id), false) as is_alive
        ) as l
        left join lateral (
            select
                pg_catalog.max(t.finished_at) as last_batch, pg_catalog.avg(t.milliseconds)
                as mean_ms
            from tandem.run_batch as t
            where t.run_id = r.run_id and t.attempt = r.attempt and t.read_rows > 0
        ) as b on true
        where j.import_id = p_import
            or p_import is null and j.state in ('queued', 'running', 'dead')
    ),

    judged as (
        select
            k.*, case
                when k.state in ('done', 'cancelled', 'dead') then k.state
                when k.is_alive and (k.quiet > greatest(30, k.mean_ms * 10 / 1000)
                    or pg_catalog.cardinality(k.blockers) > 0 and k.quiet > 5) then 'stalled'
                when k.is_alive and k.elapsed + (k.rows_in - k.next_row + 1) * k.elapsed
                    / greatest(k.next_row - 1, 1) > k.timeout_seconds and k.batches > 2 then 'slow'
                when k.is_alive then 'running'
                when k.state = 'running' then 'stalled'
                when k.run_after > pg_catalog.clock_timestamp() then 'queued'
                when k.is_durable and k.workers = 0
                    and k.created_at < pg_catalog.clock_timestamp() - interval '1 minute'
                    then 'stalled'
                else 'queued'
            end as verdict
        from looked as k
    )

    select
        v.import_id, v.verdict, case
            when v.verdict = 'done' then pg_catalog.format('ended, %s rows failed', v.failed)
            when v.verdict = 'cancelled' then 'it was cancelled'
            when v.verdict = 'dead' then pg_catalog.format(
                '%s (%s), after %s', v.error_message, v.error_sqlstate, case v.tries
                    when 1 then '1 try' else pg_catalog.concat(v.tries, ' tries') end)
            when v.verdict = 'slow' then pg_catalog.format(
                'at this rate it needs more than its %s seconds', v.timeout_seconds)
            when v.verdict = 'running' then pg_catalog.format(
                'its session works; the last batch ended %s s ago', pg_catalog.round(v.quiet, 1))
            when v.is_alive and pg_catalog.cardinality(v.blockers) > 0 then pg_catalog.format(
                'it waits for a lock, %s s since its last batch', pg_catalog.round(v.quiet))
            when v.is_alive then pg_catalog.format(
                'its session is there, and no batch has ended for %s s', pg_catalog.round(v.quiet))
            when v.state = 'running' then 'the session that was at it has ended'
            when v.verdict = 'stalled' then 'no worker is there'
            when v.run_after > pg_catalog.clock_timestamp() then pg_catalog.format(
                'it is tried again at %s, after %s (%s)', v.run_after::timestamptz(0),
                v.error_message, v.error_sqlstate)
            when v.is_durable then case v.workers
                when 0 then 'it waits for a worker, and none is there'
                when 1 then 'it waits for the worker'
                else pg_catalog.format('it waits for one of %s workers', v.workers) end
            else 'it waits for who submitted it to run it'
        end,
        coalesce(v.last_batch, v.finished_at, v.started_at, v.created_at), v.next_row - 1,
        v.rows_in, v.at_run, case when v.is_alive then v.at_pid end, v.blockers, case
            when v.verdict = 'dead' then pg_catalog.format(
                case v.error_sqlstate
                    -- the same rows fail again
                    when 'TD064' then 'Submit the corrected rows; SELECT tandem.cancel_import(%s);'
                    else 'Remove the cause, then SELECT tandem.redrive_import(%1$s); or end it: '
                        'SELECT tandem.cancel_import(%1$s);'
                end, v.import_id)
            when v.is_alive and v.verdict = 'stalled' then pg_catalog.format(
                'SELECT pg_cancel_backend(%s); ends what is in the way, %s the import itself; it '
                'goes on where it stopped', coalesce(v.blockers[1], v.at_pid),
                case when pg_catalog.cardinality(v.blockers) > 0 then 'not' else 'here' end)
            when v.verdict in ('stalled', 'queued') then pg_catalog.format(
                'CALL tandem.run_import(%s); or pgtandem worker', v.import_id)
        end
    from judged as v
    order by v.import_id
$import_health$;

comment on function tandem.import_health(bigint) is
'Why an import counts as queued, running, slow (will not end in its time), stalled (no batch ends, '
'its session is gone, or no worker is there), dead (given up) or done: a row for one import, or '
'for all that have not ended well (NULL); since: its last batch; blocked_by: pids that it waits '
'for; cure: what to do. Readers may call it. Example: select import_id, health, why, cure from '
'tandem.import_health();';
