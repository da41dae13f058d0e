create or replace function tandem._already_running(p_run tandem.run) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_already_running$
begin
    if p_run.run_id is null then
        raise exception '% of % is beginning in another session, or runs in one transaction there',
            p_run.kind, coalesce(p_run.mapping, 'this database')
        using errcode = 'TD010',
            detail = 'Until it commits, its row of tandem.run cannot be seen.',
            hint = 'Wait for it; pg_stat_activity shows its CALL.';
    end if;
    raise exception '% of % is running already (run %)',
        p_run.kind, coalesce(p_run.mapping, 'this database'), p_run.run_id
    using errcode = 'TD010',
        detail = pg_catalog.format(
            'Started by %s from %s at %s, backend %s, %s rows read so far.',
            p_run.started_by, p_run.application, p_run.started_at::timestamptz(0),
            p_run.backend_pid, p_run.read_rows
        ),
        hint = pg_catalog.format(
            'Watch it: SELECT * FROM tandem.progress WHERE run_id = %s. Stop it: SELECT '
            'pg_cancel_backend(%s).', p_run.run_id, p_run.backend_pid
        );
end
$_already_running$;

comment on function tandem._already_running(tandem.run) is
'Raises TD010 and says who runs.';
