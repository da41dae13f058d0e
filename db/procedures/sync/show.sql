create or replace function tandem.show(p_mapping text, p_key text)
returns table (
    level text, column_name text, flat_value text, hierarchy_value text, equal boolean
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $show$
begin
    perform tandem._require_area(p_mapping, 'show', 'sync');
    perform tandem._require_own(p_mapping);
    if (tandem._mapping_of(p_mapping)).phase = 'deployed' then
        return query select s.* from tandem._preview(p_mapping, p_key) as s;
    else
        return query select s.* from tandem._side_by_side(p_mapping, p_key) as s;
    end if;
end
$show$;

comment on function tandem.show(text, text) is
'One flat row and its chain of levels side by side, from either key as text; before prepare, what '
'the row would become. Operators may call it. '
'Example: select * from tandem.show(''products'', ''1'');';
