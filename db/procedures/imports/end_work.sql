create or replace function tandem.end_work() returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $end_work$
    delete from tandem.import_worker as w where w.backend_pid = pg_catalog.pg_backend_pid()
$end_work$;

comment on function tandem.end_work() is
'Says that this session is no worker any more. Operators may call it. Example: select '
'tandem.end_work();';
