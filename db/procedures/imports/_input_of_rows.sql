create or replace function tandem._input_of_rows(p_rows jsonb, p_header text[])
returns tandem.import_input[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $_input_of_rows$
    select coalesce(pg_catalog.array_agg(case
        when pg_catalog.jsonb_typeof(e.item) = 'object' then row(
            e.position, e.position, null, array(
                select e.item ->> h.name
                from pg_catalog.unnest(p_header) with ordinality as h (name, place)
                order by h.place
            )
        )::tandem.import_input
        else row(
            e.position, e.position,
            pg_catalog.format('it is no object but %s', pg_catalog.jsonb_typeof(e.item)),
            array[e.item::text]
        )::tandem.import_input end order by e.position), '{}')
    from pg_catalog.jsonb_array_elements(p_rows) with ordinality as e (item, position)
$_input_of_rows$;

comment on function tandem._input_of_rows(jsonb, text[]) is
'An array of objects as records of an input.';
