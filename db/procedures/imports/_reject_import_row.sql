create or replace function tandem._reject_import_row(
    p_import bigint, p_run bigint, p_row integer, p_sqlstate text, p_message text, p_hint text
) returns void
language sql
set search_path = pg_catalog, pg_temp
as $_reject_import_row$
    insert into tandem.rejected_row (
        rejected_id, mapping, side, row_key, content, sqlstate, message, hint, run_id, import_id,
        row_no, line_no
    )
    select
        tandem.new_id(), j.mapping, 'import', pg_catalog.concat(p_import, '/', p_row),
        pg_catalog.to_json(r.content), p_sqlstate, p_message,
        coalesce(nullif(p_hint, ''), 'Remove the cause, then import the row again.'), p_run,
        p_import, p_row, r.line_no
    from tandem.import_job as j
    join tandem.import_row as r
        on r.import_id = j.import_id and r.is_durable = j.is_durable and r.row_no = p_row
    where j.import_id = p_import
$_reject_import_row$;

comment on function tandem._reject_import_row(bigint, bigint, integer, text, text, text) is
'Keeps a row of an import that cannot be written.';
