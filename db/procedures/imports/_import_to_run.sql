create or replace function tandem._import_to_run(p_import bigint) returns tandem.import_job
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_import_to_run$
declare
    r_job tandem.import_job := tandem._import_of(p_import);
begin
    if exists (select from tandem.import_undone as u where u.import_id = p_import) then
        raise exception 'import % was undone', p_import
        using errcode = 'TD060', detail = 'It would go on behind the rows that are gone.',
            hint = 'Submit the rows again, under another key.';
    end if;
    if r_job.state in ('done', 'cancelled') then
        raise exception 'import % is % already', p_import, r_job.state
        using errcode = 'TD060',
            detail = pg_catalog.format('It ended at %s.', r_job.finished_at::timestamptz(0)),
            hint = 'Submit the rows again, under another key, to import them once more.';
    end if;
    return r_job;
end
$_import_to_run$;

comment on function tandem._import_to_run(bigint) is
'The job of an import that is not done yet; raises TD060 for one that has ended, P0002 for none.';
