create or replace function tandem.drift_count(p_mapping text) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $drift_count$
declare
    v_count bigint;
begin
    select pg_catalog.count(*) into v_count
    from tandem.drift(p_mapping, null) as d
    where d.kind not in ('price_due', 'rejected');
    return v_count;
end
$drift_count$;

comment on function tandem.drift_count(text) is
'How many rows tandem.drift(mapping) has that are drift; 0 is '
'what one wants. Operators may call it. '
'Example: select tandem.drift_count(''products'');';
