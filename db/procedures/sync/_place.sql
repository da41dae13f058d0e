-- Finds or creates the parents of a flat row by natural key, top down, and keeps each locked: a
-- rename must wait until the leaf is there, or is seen by the key condition (repeated under the
-- lock). A created parent copies the unmapped columns of the one that p_leaf leaves.
create or replace function {{ S | ident }}._place(
{% for level in m.levels %}
{% for pair, name in level.key_params %}
    {{ name | trusted }} {{ pair.hier_type | sqltype }},
{% endfor %}
{% endfor %}
    p_leaf uuid,
{% for level in m.levels %}
    out {{ level.name | trusted }}_id uuid{{ ',' if not loop.last }}
{% endfor %}
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $_place$
declare
    v_tries integer;
{% for level in m.levels %}
    v_from_{{ level.name | trusted }} uuid;
{% endfor %}
begin
{% for level in m.levels %}
{% set above = m.levels[loop.index0 - 1] %}
    v_tries := 0;
    loop
        select {{ level.id | column(level.name) }} into _place.{{ level.name | trusted }}_id
        from {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
        where {% if level.parent %}{{ level.parent | column(level.name) }} = _place.{{ above.name | trusted }}_id
            and {% endif %}
{% for pair, name in level.key_params %}
{{ pair.hier | column(level.name) }} = {{ name | trusted }}
{%- if not loop.last %}

            and {% endif %}
{% endfor %}

        for key share;
        exit when found;
        if p_leaf is not null and v_from_{{ level.name | trusted }} is null then
            select {% for other in m.levels %}{{ other.id | column(other.name) }}{{ ', ' if not loop.last }}{% endfor %}

            into {% for other in m.levels %}v_from_{{ other.name | trusted }}{{ ', ' if not loop.last }}{% endfor %}

            from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
{% for other in m.levels | reverse %}
            join {{ other.table | relation(m.schema) }} as {{ other.name | ident }}
                on {{ other.id | column(other.name) }} = {{ m.chain[m.chain | length - loop.index].parent | column(m.chain[m.chain | length - loop.index].name) }}
{% endfor %}
            where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf;
        end if;
        if v_from_{{ level.name | trusted }} is null then
            insert into {{ level.table | relation(m.schema) }} as {{ level.name | ident }} (
                {{ level.id | ident }}
                {%- if level.parent %}, {{ level.parent | ident }}{% endif %}
                {%- for pair in level.key_pairs %}, {{ pair.hier | ident }}{% endfor %}

            )
            values (
                tandem.new_id()
                {%- if level.parent %}, _place.{{ above.name | trusted }}_id{% endif %}
                {%- for pair, name in level.key_params %}, {{ name | trusted }}{% endfor %}

            )
            on conflict do nothing
            returning {{ level.id | column(level.name) }} into _place.{{ level.name | trusted }}_id;
        else
            insert into {{ level.table | relation(m.schema) }} as {{ level.name | ident }} (
                {{ level.id | ident }}
                {%- if level.parent %}, {{ level.parent | ident }}{% endif %}
                {%- for pair in level.key_pairs %}, {{ pair.hier | ident }}{% endfor %}
                {%- for name in level.unmapped %}, {{ name | ident }}{% endfor %}

            )
            select
                tandem.new_id()
                {%- if level.parent %}, _place.{{ above.name | trusted }}_id{% endif %}
                {%- for pair, name in level.key_params %}, {{ name | trusted }}{% endfor %}
                {%- for name in level.unmapped %}, {{ name | column('one') }}{% endfor %}

            from {{ level.table | relation(m.schema) }} as one
            where {{ level.id | column('one') }} = v_from_{{ level.name | trusted }}
            on conflict do nothing
            returning {{ level.id | column(level.name) }} into _place.{{ level.name | trusted }}_id;
        end if;
        exit when found;
        v_tries := v_tries + 1;
        if v_tries > 100 then
            raise exception 'a row of {{ level.table | in_format }} can be neither found nor created'
            using errcode = 'TD031',
                detail = pg_catalog.concat_ws(', '{% for pair, name in level.key_params %}, {{ name | trusted }}{% endfor %}),
                hint = pg_catalog.format(
                    'Does a trigger or rule of your own on this table suppress new rows, or is its '
                    'unique key missing? See SELECT * FROM tandem.analyze(%L).',
                    {{ m.name | literal }}
                );
        end if;
    end loop;
{% endfor %}
end
$_place$;

comment on function {{ S | ident }}._place(
    {%- for level in m.levels %}{% for pair, name in level.key_params %}{{ pair.hier_type | sqltype }}, {% endfor %}{% endfor -%}
    uuid) is
'The ids of a flat row''s parents, found or created by natural key, locked FOR KEY SHARE.';
