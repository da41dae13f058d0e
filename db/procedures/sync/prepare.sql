create or replace procedure tandem.prepare(p_mapping text)
language plpgsql
as $prepare$
begin
    set local search_path = pg_catalog, pg_temp;
    call tandem._run('prepare', p_mapping, '{"on_reject": "stop"}');
end
$prepare$;

comment on procedure tandem.prepare(text) is
'Makes the user''s tables ready: runs what SELECT * FROM tandem.plan(mapping) '
'lists, each statement in its own short transaction, only what is missing. Admins '
'may call it, alone and with autocommit. '
'Example: call tandem.prepare(''products'');';
