create or replace procedure tandem.apply_duplicates(
    p_mapping text, p_batch_rows integer default null, p_max_batches integer default null
)
language plpgsql
as $apply_duplicates$
begin
    set local search_path = pg_catalog, pg_temp;
    perform tandem._check_range('p_batch_rows', p_batch_rows, 1, 100000);
    perform tandem._check_range('p_max_batches', p_max_batches, 1, 2147483647);
    perform tandem._require_import(p_mapping);
    call tandem._run('apply_duplicates', p_mapping, pg_catalog.jsonb_build_object(
        'batch_rows', p_batch_rows, 'max_batches', p_max_batches, 'on_reject', 'continue'
    ));
end
$apply_duplicates$;

comment on procedure tandem.apply_duplicates(text, integer, integer) is
'Does what is approved in tandem.duplicate_plan, batch by batch while the shop runs: each row that '
'gives way is renamed, or merged with all that refers to it, or left as it is with the reason in '
'why. A row or its keeper that has changed since is refused. At the end references that came to '
'merged rows meanwhile are moved, too; so it is good for that at any time. p_batch_rows: rows a '
'batch; p_max_batches: then pause. Admins may call it, alone and with autocommit. Example: call '
'tandem.apply_duplicates(''items'');';
