{% from 'procedures/sync/macros.jinja' import satellite_differs with context %}
-- Where the two sides differ, in one statement and so in one snapshot. Only kinds value, link,
-- flat_only, hierarchy_only and not_migrated are drift; price_due and rejected are told as well.
create or replace function {{ S | ident }}.drift(p_limit integer default null)
returns table (
    kind text, flat_key text, leaf_id uuid, column_name text, flat_value text, hierarchy_value text
)
language plpgsql stable
security definer
set search_path = {{ m.search_path | path }}
as $drift$
declare
    v_now timestamptz := pg_catalog.clock_timestamp();
begin
    return query
    select d.kind, {{ m.flat.key | column('flat') }}::text, coalesce({{ m.leaf.id | column(m.leaf.name) }}, {{ m.leaf.sync | column('flat') }}), d.column_name, d.flat_value, d.hierarchy_value
    from {{ m.flat.table | relation(m.schema) }} as flat
    full join (
        {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
{% for level in m.levels | reverse %}
        left join {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
            on {{ level.id | column(level.name) }} = {{ m.chain[m.chain | length - loop.index].parent | column(m.chain[m.chain | length - loop.index].name) }}
{% endfor %}
{% for satellite in m.satellites %}
        left join (
            select distinct on ({{ satellite.parent | column('s') }})
                {{ satellite.parent | column('s') }}, {{ satellite.effective | column('s') }}
                {%- for pair in satellite.pairs %}, {{ pair.hier | column('s') }}{% endfor %}

            from {{ satellite.table | relation(m.schema) }} as s
            where {{ satellite.effective | column('s') }} <= v_now
{% for name, value in satellite.where %}
                and {{ name | column('s') }} = {{ value | literal }}
{% endfor %}
            order by {{ satellite.parent | column('s') }}, {{ satellite.effective | column('s') }} desc
        ) as {{ satellite.name | ident }} on {{ satellite.parent | column(satellite.name) }} = {{ m.leaf.id | column(m.leaf.name) }}
{% endfor %}
    ) on {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column(m.leaf.name) }}
    cross join lateral (
        values
        (
            'rejected', {{ m.flat.status | column('flat') }} = 'rejected',
            null::text, null::text, null::text
        ),
        (
            'not_migrated', {{ m.flat.key | column('flat') }} is not null and {{ m.leaf.sync | column('flat') }} is null
            and {{ m.flat.status | column('flat') }} is distinct from 'rejected', null, null, null
        ),
        (
            'flat_only', {{ m.leaf.sync | column('flat') }} is not null and {{ m.leaf.id | column(m.leaf.name) }} is null
            and {{ m.flat.status | column('flat') }} is distinct from 'rejected', null, null, null
        ),
        ('hierarchy_only', {{ m.flat.key | column('flat') }} is null, null, null, null)
{%- for level in m.levels %},
        (
            'link', {{ m.flat.key | column('flat') }} is not null and {{ m.leaf.id | column(m.leaf.name) }} is not null
            and {{ m.flat.status | column('flat') }} is distinct from 'rejected'
            and {{ level.sync | column('flat') }} is distinct from {{ level.id | column(level.name) }},
            {{ level.sync | literal }}, {{ level.sync | column('flat') }}::text, {{ level.id | column(level.name) }}::text
        )
{%- endfor %}
{%- for level in m.chain %}
{%- for pair in level.pairs %},
        (
            'value', {{ m.flat.key | column('flat') }} is not null and {{ m.leaf.id | column(m.leaf.name) }} is not null
            and {{ m.flat.status | column('flat') }} is distinct from 'rejected' and {{ pair | differs('flat', level.name) }},
            {{ pair.flat | literal }}, {{ pair.flat | column('flat') }}::text, {{ pair.hier | column(level.name) }}::text
        )
{%- endfor %}
{%- endfor %}
{%- for satellite in m.satellites %}
{%- for pair in satellite.pairs %},
        (
            case when exists (
                select from {{ S | ident }}.due as due
                where due.leaf_id = {{ m.leaf.id | column(m.leaf.name) }} and due.satellite = {{ satellite.name | literal }}
                    and due.effective = {{ satellite.effective | column(satellite.name) }}
            ) then 'price_due' else 'value' end,
            {{ m.flat.key | column('flat') }} is not null and {{ m.leaf.id | column(m.leaf.name) }} is not null
            and {{ m.flat.status | column('flat') }} is distinct from 'rejected' and {{ pair | differs('flat', satellite.name) }}
{%- if pair.hier != satellite.lead %}
 and {{ satellite.lead | column(satellite.name) }} is not null
{%- endif %},
            {{ pair.flat | literal }}, {{ pair.flat | column('flat') }}::text, {{ pair.hier | column(satellite.name) }}::text
        )
{%- endfor %}
{%- endfor %}

    ) as d (kind, is_so, column_name, flat_value, hierarchy_value)
    where d.is_so
    and (
        {{ m.flat.key | column('flat') }} is null or {{ m.leaf.id | column(m.leaf.name) }} is null
        or {{ m.flat.status | column('flat') }} is distinct from 'active'
{% for level in m.levels %}
        or {{ level.sync | column('flat') }} is distinct from {{ level.id | column(level.name) }}
{% endfor %}
{% for level in m.chain %}
{% for pair in level.pairs %}
        or {{ pair | differs('flat', level.name) }}
{% endfor %}
{% endfor %}
{% for satellite in m.satellites %}
        or {{ satellite_differs(satellite) | indent(8) | trusted }}
{% endfor %}
    )
    limit p_limit;
end
$drift$;

comment on function {{ S | ident }}.drift(integer) is
'Where the flat table and the hierarchy differ; tandem.drift(mapping) reads it.';
