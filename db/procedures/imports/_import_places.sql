create or replace function tandem._import_places(p_mapping text, p_header text[], p_fields jsonb)
returns integer[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_import_places$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_places integer[];
    v_wrong text;
    v_item text;
    v_is_twice boolean := false;
begin
    select pg_catalog.format('p_fields names %s, which is no field of the import', k.name)
    into v_wrong
    from pg_catalog.jsonb_object_keys(p_fields) as k (name)
    where k.name not in (
        select f.item ->> 'name'
        from pg_catalog.jsonb_array_elements(v_definition -> 'fields') as f (item)
    )
    limit 1;
    if v_wrong is null then
        select
            pg_catalog.array_agg(h.place order by f.position),
            pg_catalog.min(pg_catalog.format(
                'the header has %s for the field %s', case h.matches
                    when 0 then 'no ' || pg_catalog.quote_literal(p_fields ->> f.name)
                    else pg_catalog.format('%s names', h.matches) end, f.name
            )) filter (where h.matches > 1 or h.matches = 0 and p_fields ? f.name),
            coalesce(pg_catalog.bool_or(h.matches > 1), false)
        into v_places, v_wrong, v_is_twice
        from (
            select e.item ->> 'name' as name, e.position
            from pg_catalog.jsonb_array_elements(v_definition -> 'fields') with ordinality
                as e (item, position)
        ) as f
        cross join lateral (
            -- as it is written, else without regard to case and blanks
            select pg_catalog.min(x.place)::integer as place, pg_catalog.count(*) as matches
            from (
                select n.place, pg_catalog.rank() over (
                    order by n.name = coalesce(p_fields ->> f.name, f.name) desc
                ) as closeness
                from pg_catalog.unnest(p_header) with ordinality as n (name, place)
                where tandem.import_key(n.name)
                    = tandem.import_key(coalesce(p_fields ->> f.name, f.name))
            ) as x
            where x.closeness = 1
        ) as h;
    end if;
    v_item := (
        select t.item ->> 'key_field'
        from pg_catalog.jsonb_array_elements(v_definition -> 'parts') as t (item)
        where t.item ->> 'name' = v_definition ->> 'item'
    );
    if v_wrong is null and not exists (
        select
        from pg_catalog.jsonb_array_elements(v_definition -> 'fields') with ordinality
            as e (item, position)
        where e.item ->> 'name' = v_item and v_places[e.position] is not null
    ) then
        v_wrong := pg_catalog.format('the header has no %s, which each row must have', v_item);
    end if;
    if v_wrong is not null then
        raise exception '%', v_wrong
        using errcode = 'TD066',
            detail = pg_catalog.format(
                'Header: %s. Fields: %s.', pg_catalog.array_to_string(p_header, ', '), (
                    select pg_catalog.string_agg(e.item ->> 'name', ', ' order by e.position)
                    from pg_catalog.jsonb_array_elements(v_definition -> 'fields') with ordinality
                        as e (item, position)
                )
            ),
            hint = case when v_is_twice
                then 'Rename all but one of them in the header, or say which other name it is: '
                    'p_fields, or --field of pgtandem import run. Nothing was submitted.'
                else pg_catalog.format(
                    'Say which is which: p_fields => ''{"%s": "a name of the header"}'', or '
                    '--field %s=NAME of pgtandem import run. Nothing was submitted.', v_item, v_item
                ) end;
    end if;
    return v_places;
end
$_import_places$;

comment on function tandem._import_places(text, text[], jsonb) is
'Where in a record each field of an import is, NULL where it is not; raises TD066 where that '
'cannot be told or the key of each row is missing.';
