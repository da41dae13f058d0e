-- Before prepare there is one side only: a flat row, and what it would become.
create or replace function {{ S | ident }}.preview(p_key text)
returns table (
    level text, column_name text, flat_value text, hierarchy_value text, equal boolean
)
language plpgsql stable
security definer
set search_path = {{ m.search_path | path }}
as $preview$
begin
    perform tandem._check_key('p_key', p_key, {{ m.flat.key_type | literal }});
    return query
    select d.level, d.column_name, d.flat_value, d.hierarchy_value, null::boolean
    from {{ m.flat.table | relation(m.schema) }} as flat
    cross join lateral (
        select {{ S | ident }}._fault(
            {% for pair in m.pairs %}{{ pair.flat | column('flat') }}{{ ', ' if not loop.last }}{% endfor %}

        ) as fault
    ) as f
    cross join lateral (
        values
        ('flat', {{ m.flat.key | literal }}, {{ m.flat.key | column('flat') }}::text, null),
        ('flat', 'would be rejected', f.fault, null)
{%- for level in m.chain %}
{%- for pair in level.pairs %},
        (
            {{ level.name | literal }}, {{ pair.hier | literal }}, {{ pair.flat | column('flat') }}::text,
            case when f.fault is null then ({{ pair | put('flat') }})::text end
        )
{%- endfor %}
{%- endfor %}
{%- for satellite in m.satellites %}
{%- for pair in satellite.pairs %},
        (
            {{ satellite.name | literal }}, {{ pair.hier | literal }}, {{ pair.flat | column('flat') }}::text,
            case when f.fault is null and {{ satellite.lead_pair.flat | column('flat') }} is not null then ({{ pair | put('flat') }})::text end
        )
{%- endfor %}
{%- endfor %}

    ) as d (level, column_name, flat_value, hierarchy_value)
    where {{ m.flat.key | column('flat') }} = p_key::{{ m.flat.key_type | sqltype }}
        and (d.column_name <> 'would be rejected' or f.fault is not null);
    if not found then
        raise exception 'mapping {{ m.name | in_format }} has no row %', p_key
        using errcode = 'no_data_found',
            detail = 'It is no key of {{ m.flat.table | in_text }}.',
            hint = 'Give the flat key as text.';
    end if;
end
$preview$;

comment on function {{ S | ident }}.preview(text) is
'A flat row and what it would become; tandem.show(mapping, key) reads it before prepare.';
