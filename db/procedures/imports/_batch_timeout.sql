-- What looks at a whole input in one transaction has the time of the import.
create or replace function tandem._batch_timeout(p_job tandem.import_job) returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $_batch_timeout$
    select case
        when p_job.stage = 'check' or p_job.importer = 'old' then p_job.timeout_seconds
        else nullif(tandem._setting_of('import_batch_timeout_seconds')::integer, 0)
    end
$_batch_timeout$;

comment on function tandem._batch_timeout(tandem.import_job) is
'How long the batch that an import is at may take, in seconds; NULL: as long as it likes.';
