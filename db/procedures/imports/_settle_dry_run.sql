create or replace function tandem._settle_dry_run(p_import bigint) returns void
language sql
set search_path = pg_catalog, pg_temp
as $_settle_dry_run$
    update tandem.rejected_row as x
    set resolved_at = pg_catalog.clock_timestamp(), resolution = 'it was a dry run'
    from tandem.import_job as j
    where j.import_id = p_import and j.is_dry_run
        and x.import_id = p_import and x.resolved_at is null
$_settle_dry_run$;

comment on function tandem._settle_dry_run(bigint) is
'Where an import is a dry run: what it found is to be read, and is nobody''s to settle.';
