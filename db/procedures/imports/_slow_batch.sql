-- Only a cancel of the very transaction that was marked: whoever cancels a run otherwise ends it.
create or replace function tandem._slow_batch(p_run bigint) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- whoever has cancelled it commits in a moment
set lock_timeout = '10s'
as $_slow_batch$
declare
    r_job tandem.import_job;
begin
    delete from tandem.slow_batch as s
    where s.run_id = p_run and s.transaction_started = pg_catalog.transaction_timestamp();
    if not found then
        return null;
    end if;
    select j.* into strict r_job
    from tandem.run as r
    join tandem.import_job as j on j.import_id = r.import_id
    where r.run_id = p_run;
    return case when r_job.stage = 'check' or r_job.importer = 'old' then
        tandem._failure('TD061', pg_catalog.format(
            'import %s has taken longer than %s s', r_job.import_id, r_job.timeout_seconds
        )) || pg_catalog.jsonb_build_object(
            'detail', 'It was at what takes one transaction, of which nothing is left.',
            'hint', pg_catalog.format(
                'CALL tandem.run_import(%s); tries again, with as much time. '
                'tandem.setting import_timeout_seconds is for imports to come.', r_job.import_id
            )
        )
        else tandem._failure('57014', pg_catalog.format(
            'it took longer than %s s', tandem._batch_timeout(r_job)
        )) || pg_catalog.jsonb_build_object(
            'row', true,
            'hint', 'Look at what your triggers do with it, or raise tandem.setting '
            'import_batch_timeout_seconds; then import it again.'
        ) end;
end
$_slow_batch$;

comment on function tandem._slow_batch(bigint) is
'Why the batch of a run was cancelled, as the loop has failures, where that was for its length; '
'else NULL.';
