create or replace function tandem.show(p_mapping text, p_key text)
returns table (
    level text, column_name text, flat_value text, hierarchy_value text, equal boolean
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $show$
declare
    v_phase text := (tandem._mapping_of(p_mapping)).phase;
begin
    return query execute pg_catalog.format(
        'select s.* from %I.%I($1) as s', 'tandem_' || p_mapping,
        case v_phase when 'deployed' then 'preview' else 'show' end
    )
    using p_key;
end
$show$;

comment on function tandem.show(text, text) is
'One flat row and its chain of levels side by side, from either key as text; before prepare, what '
'the row would become. Operators may call it. '
'Example: select * from tandem.show(''products'', ''1'');';
