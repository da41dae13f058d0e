{% from 'procedures/sync/macros.jinja' import chain_join, in_force with context %}
create or replace function {{ S | ident }}.show(p_key text)
returns table (
    level text, column_name text, flat_value text, hierarchy_value text, equal boolean
)
language plpgsql stable
security definer
set search_path = {{ m.search_path | path }}
as $show$
declare
    v_now timestamptz := pg_catalog.clock_timestamp();
    v_key {{ m.flat.key_type | sqltype }};
    v_leaf uuid;
begin
    if tandem.is_castable(p_key, {{ m.flat.key_type | literal }}) then
        v_key := p_key::{{ m.flat.key_type | sqltype }};
        select {{ m.leaf.sync | column('flat') }} into v_leaf
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.flat.key | column('flat') }} = v_key;
    end if;
    if v_leaf is null and tandem.is_castable(p_key, 'uuid') then
        v_leaf := p_key::uuid;
        select {{ m.flat.key | column('flat') }} into v_key
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.leaf.sync | column('flat') }} = v_leaf;
    end if;
    return query
    select d.level, d.column_name, d.flat_value, d.hierarchy_value, d.equal
    from (select v_key as flat_key, v_leaf as leaf_id) as one
    left join {{ m.flat.table | relation(m.schema) }} as flat on {{ m.flat.key | column('flat') }} = one.flat_key
    left join (
        {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
{% for level in m.levels | reverse %}
        left join {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
            on {{ level.id | column(level.name) }} = {{ m.chain[m.chain | length - loop.index].parent | column(m.chain[m.chain | length - loop.index].name) }}
{% endfor %}
{% for satellite in m.satellites %}
        {{ in_force(m, satellite) | indent(8) | trusted }}
{% endfor %}
    ) on {{ m.leaf.id | column(m.leaf.name) }} = one.leaf_id
    cross join lateral (
        values
        (0, 'flat', {{ m.flat.key | literal }}, {{ m.flat.key | column('flat') }}::text, null::text, null::boolean),
        (0, 'flat', {{ m.flat.status | literal }}, {{ m.flat.status | column('flat') }}::text, null, null)
{%- for level in m.chain %},
        (
            {{ loop.index | literal }}, {{ level.name | literal }}, {{ level.id | literal }}, {{ level.sync | column('flat') }}::text, {{ level.id | column(level.name) }}::text,
            {{ level.sync | column('flat') }} is not distinct from {{ level.id | column(level.name) }}
        )
{%- for pair in level.pairs %},
        (
            {{ loop.index | literal }}, {{ level.name | literal }}, {{ pair.hier | literal }}, {{ pair.flat | column('flat') }}::text, {{ pair.hier | column(level.name) }}::text,
            {{ pair | same('flat', level.name) }}
        )
{%- endfor %}
{%- for name in level.unmapped %},
        ({{ loop.index | literal }}, {{ level.name | literal }}, {{ name | literal }}, null, {{ name | column(level.name) }}::text, null)
{%- endfor %}
{%- endfor %}
{%- for satellite in m.satellites %},
        (90, {{ satellite.name | literal }}, {{ satellite.effective | literal }}, null, {{ satellite.effective | column(satellite.name) }}::text, null)
{%- for pair in satellite.pairs %},
        (
            90, {{ satellite.name | literal }}, {{ pair.hier | literal }}, {{ pair.flat | column('flat') }}::text, {{ pair.hier | column(satellite.name) }}::text,
            {{ pair | same('flat', satellite.name) }}
        )
{%- endfor %}
{%- endfor %}

    ) as d (ordinal, level, column_name, flat_value, hierarchy_value, equal)
    where {{ m.flat.key | column('flat') }} is not null or {{ m.leaf.id | column(m.leaf.name) }} is not null;
    if not found then
        raise exception 'mapping {{ m.name | in_format }} has no row %', p_key
        using errcode = 'no_data_found',
            detail = 'It is neither a key of {{ m.flat.table | in_text }} nor an id of {{ m.leaf.table | in_text }}.',
            hint = 'Give the flat key or the leaf''s id as text.';
    end if;
end
$show$;

comment on function {{ S | ident }}.show(text) is
'One flat row and its chain of levels side by side; tandem.show(mapping, key) reads it.';
