create or replace procedure tandem.undo_import(p_import bigint)
language plpgsql
as $undo_import$
declare
    r_job tandem.import_job;
begin
    set local search_path = pg_catalog, pg_temp;
    r_job := tandem._import_to_undo(p_import);
    call tandem._run('undo_import', r_job.mapping, pg_catalog.jsonb_build_object(
        'import', p_import, 'on_reject', 'continue'
    ));
end
$undo_import$;

comment on procedure tandem.undo_import(bigint) is
'Takes back what an import has written, the last first: rows that it inserted are deleted, columns '
'that it changed get their values of before, rows that it brought back are deleted again as they '
'were. What was edited since, or is needed by another table, is kept; tandem.import_undone says '
'for each row whether it was reversed, or why not. Operators may call it, alone and with '
'autocommit. Example: call tandem.undo_import(42);';
