create or replace function tandem._choose_old_path(p_import bigint) returns tandem.import_job
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_choose_old_path$
declare
    r_job tandem.import_job := tandem._import_to_run(p_import);
begin
    update tandem.import_job as j
    set importer = 'old', decided_by = 'by hand'
    where j.import_id = p_import and j.importer = 'new';
    -- asked when the row is ours: whoever retires the path waits, or was first
    perform tandem._require_old_path(r_job.mapping);
    return tandem._import_to_run(p_import);
end
$_choose_old_path$;

comment on function tandem._choose_old_path(bigint) is
'Has an import that is not done yet take the old path; raises TD080 where that is retired.';
