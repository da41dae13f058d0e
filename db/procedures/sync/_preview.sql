-- Before prepare there is one side only: a flat row, and what it would become.
create or replace function tandem._preview(p_mapping text, p_key text)
returns table (
    level text, column_name text, flat_value text, hierarchy_value text, equal boolean
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_preview$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_columns text;
begin
    perform tandem._check_key('p_key', p_key, v_definition ->> 'key_type');
    select pg_catalog.string_agg(pg_catalog.format(
        E',\n(%L, %L, flat.%I::text, case when f.fault is null%s then (%s)::text end)',
        c.part, c.hier, c.flat, pg_catalog.format(
            case when c.lead_flat is null then '' else ' and flat.%I is not null' end, c.lead_flat
        ), c.put
    ), '' order by c.ordinal)
    into v_columns
    from tandem._mapped(p_mapping) as c;
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    return query execute pg_catalog.format(
        $query$select d.level, d.column_name, d.flat_value, d.hierarchy_value, null::boolean
from %1$s as flat
cross join lateral (select %2$s as fault) as f
cross join lateral (
values
('flat', %3$L, flat.%3$I::text, null),
('flat', 'would be rejected', f.fault, null)%4$s
) as d (level, column_name, flat_value, hierarchy_value)
where flat.%3$I = $1::%5$s and (d.column_name <> 'would be rejected' or f.fault is not null)$query$,
        v_definition ->> 'flat', v_definition ->> 'fault', v_definition ->> 'key', v_columns,
        v_definition ->> 'key_type'
    ) using p_key;
    if not found then
        raise exception 'mapping % has no row %', p_mapping, p_key
        using errcode = 'no_data_found',
            detail = pg_catalog.format('It is no key of %s.', v_definition ->> 'flat_name'),
            hint = 'Give the flat key as text.';
    end if;
end
$_preview$;

comment on function tandem._preview(text, text) is
'A flat row and what it would become; tandem.show(mapping, key) reads it before prepare.';
