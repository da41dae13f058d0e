create or replace procedure tandem.retry_rejected(p_mapping text)
language plpgsql
as $retry_rejected$
begin
    set local search_path = pg_catalog, pg_temp;
    perform tandem._require_phase(p_mapping, 'retry_rejected', array['syncing', 'migrated']);
    call tandem._run('retry_rejected', p_mapping, '{"on_reject": "continue"}');
end
$retry_rejected$;

comment on procedure tandem.retry_rejected(text) is
'Tries the open rejected rows of a mapping again. Operators '
'may call it, alone and with autocommit. '
'Example: call tandem.retry_rejected(''products'');';
