create or replace function tandem._import_params(
    p_job tandem.import_job, p_batch_rows integer, p_max_batches integer
) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $_import_params$
    select pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
        'import', p_job.import_id, 'on_reject', 'continue',
        'batch_rows', coalesce(p_batch_rows, p_job.batch_rows), 'max_batches', p_max_batches
    ))
$_import_params$;

comment on function tandem._import_params(tandem.import_job, integer, integer) is
'The parameters of a run of an import.';
