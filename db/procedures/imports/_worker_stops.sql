create or replace function tandem._worker_stops() returns boolean
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_worker_stops$
    select exists (
        select from tandem.import_worker as w
        where w.backend_pid = pg_catalog.pg_backend_pid() and w.stop_requested
    )
$_worker_stops$;

comment on function tandem._worker_stops() is
'True where this session is a worker that was told to stop after its batch.';
