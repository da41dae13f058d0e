create or replace function tandem.stop_work(p_pid integer default null) returns integer
language sql
security definer
set search_path = pg_catalog, pg_temp
as $stop_work$
    with stopped as (
        update tandem.import_worker as w
        set stop_requested = true
        where w.backend_pid = p_pid or p_pid is null
        returning true
    )

    select pg_catalog.count(*)::integer from stopped
$stop_work$;

comment on function tandem.stop_work(integer) is
'Asks a worker, by its backend''s pid, or all of them (NULL) to stop after the batch that they are '
'at; returns how many. What is begun is queued again where it stands. Operators may call it. '
'Example: select tandem.stop_work();';
