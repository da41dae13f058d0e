create or replace function tandem._header_of_rows(p_rows jsonb) returns text[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $_header_of_rows$
begin
    if pg_catalog.jsonb_typeof(p_rows) <> 'array' then
        raise exception 'p_rows is no json array but %', pg_catalog.jsonb_typeof(p_rows)
        using errcode = 'invalid_parameter_value',
            detail = 'Each row is an object, as in [{"name": "Shirt", "color": "Red"}].',
            hint = 'Nothing was submitted.';
    end if;
    return array(
        select k.name
        from pg_catalog.jsonb_array_elements(p_rows) with ordinality as e (item, position)
        cross join lateral pg_catalog.jsonb_object_keys(
            case pg_catalog.jsonb_typeof(e.item) when 'object' then e.item else '{}' end
        ) with ordinality as k (name, place)
        group by k.name
        order by pg_catalog.min(e.position), pg_catalog.min(k.place)
    );
end
$_header_of_rows$;

comment on function tandem._header_of_rows(jsonb) is
'The names in an array of objects, in the order in which they come.';
