create or replace procedure tandem.apply_due(p_mapping text)
language plpgsql
as $apply_due$
begin
    set local search_path = pg_catalog, pg_temp;
    perform tandem._require_phase(p_mapping, 'apply_due', array['syncing', 'migrated']);
    call tandem._run('apply_due', p_mapping, '{"on_reject": "continue"}');
end
$apply_due$;

comment on procedure tandem.apply_due(text) is
'Writes dated rows whose time has come (prices set for a future date) to the flat '
'table. Call it from a scheduler, as often as such a row may be late. Operators '
'may call it, alone and with autocommit. '
'Example: call tandem.apply_due(''products'');';
