create or replace function tandem.redrive_import(p_import bigint) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $redrive_import$
declare
    r_job tandem.import_job := tandem._import_of(p_import);
begin
    if exists (select from tandem.import_undone as u where u.import_id = p_import) then
        raise exception 'import % was undone', p_import
        using errcode = 'TD060', detail = 'It would go on behind the rows that are gone.',
            hint = 'Submit the rows again, under another key.';
    end if;
    if r_job.state <> 'dead' then
        raise exception 'import % is %, not dead', p_import, r_job.state
        using errcode = 'TD060', detail = 'Nothing was changed.',
            hint = pg_catalog.format(
                'SELECT * FROM tandem.import_health(%s); says how it is.', p_import
            );
    end if;
    update tandem.import_job as j
    set state = 'queued', tries = 0, finished_at = null,
        run_after = pg_catalog.clock_timestamp()
    where j.import_id = p_import;
    delete from tandem.import_cancel as x where x.import_id = p_import;
    perform pg_catalog.pg_notify('tandem_imports', r_job.mapping);
    return pg_catalog.format('row %s of %s', r_job.next_row, r_job.rows_in);
end
$redrive_import$;

comment on function tandem.redrive_import(bigint) is
'Queues an import that was given up once more, with all its tries; it goes on at the row where it '
'stopped, which is returned. Operators may call it. Example: select tandem.redrive_import(42);';
