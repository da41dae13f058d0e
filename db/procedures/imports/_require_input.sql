create or replace function tandem._require_input(p_job tandem.import_job) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_require_input$
declare
    v_rows bigint;
begin
    select pg_catalog.count(*) into v_rows from tandem.import_row as r
    where r.import_id = p_job.import_id and r.is_durable = p_job.is_durable;
    if v_rows <> p_job.rows_in then
        raise exception 'the input of import % is gone', p_job.import_id
        using errcode = 'TD062',
            detail = pg_catalog.format(
                '%s of its %s rows are there. What is not left to a worker does not outlive a '
                'crash of the server.', v_rows, p_job.rows_in
            ),
            hint = pg_catalog.format(
                'SELECT tandem.cancel_import(%s); then submit it again.', p_job.import_id
            );
    end if;
end
$_require_input$;

comment on function tandem._require_input(tandem.import_job) is
'Raises TD062 where rows of an import''s input are missing.';
