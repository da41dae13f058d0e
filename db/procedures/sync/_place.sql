-- Finds or creates the parents of a flat row by natural key, top down, and keeps each locked: a
-- rename must wait until the leaf is there, or is seen by the key condition (repeated under the
-- lock). A created parent copies the unmapped columns of the one that is left (p_from, top down).
create or replace function {{ S | ident }}._place(
{% for level in m.levels %}
{% for pair, name in level.key_params %}
    {{ name | trusted }} {{ pair.hier_type | sqltype }},
{% endfor %}
{% endfor %}
    p_from uuid[], {% for level in m.levels %}out {{ level.name | trusted }}_id uuid{{ ', ' if not loop.last }}{% endfor %}

)
language plpgsql
set search_path = {{ m.search_path | path }}
{% if m.has_float_key %}
set extra_float_digits = 1
{% endif %}
as $_place$
#variable_conflict use_variable
begin
{% for level in m.levels %}
{% set above = m.levels[loop.index0 - 1] %}
{% set number = loop.index %}
    for v_try in 1 .. 100 loop
        select {{ level.id | column(level.name) }} into _place.{{ level.name | trusted }}_id from {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
        where {% if level.parent %}{{ level.parent | column(level.name) }} = _place.{{ above.name | trusted }}_id and {% endif %}
{%- for pair, name in level.key_params %}{{ pair.hier | column(level.name) }} = {{ name | trusted }}{{ ' and ' if not loop.last }}{% endfor %}

        for key share;
        exit when found;
        if v_try = 100 then
            perform tandem._cannot_place({{ m.name | literal }}, {{ level.table | literal }});
        elsif p_from[{{ number | literal }}] is null then
            insert into {{ level.table | relation(m.schema) }} ({{ level.id | ident }}{% if level.parent %}, {{ level.parent | ident }}{% endif %}{% for pair, name in level.key_params %}, {{ pair.hier | ident }}{% endfor %}) overriding system value
            values (tandem.new_id(){% if level.parent %}, _place.{{ above.name | trusted }}_id{% endif %}{% for pair, name in level.key_params %}, {{ name | trusted }}{% endfor %}) on conflict do nothing;
        else
            -- as a copy, or, where own unique columns forbid that, bare
            perform tandem._insert_row({{ level.table | relation(m.schema) | literal }}::regclass, coalesce((
                select tandem._unpack_row(tandem._pack_row({{ level.table | relation(m.schema) | literal }}::regclass, one.*)) from {{ level.table | relation(m.schema) }} as one
                where {{ level.id | column('one') }} = p_from[{{ number | literal }}] and v_try = 1
            ), '{}') || pg_catalog.jsonb_build_object({{ level.id | literal }}, tandem.new_id()
                {%- if level.parent %}, {{ level.parent | literal }}, _place.{{ above.name | trusted }}_id{% endif %}
                {%- for pair, name in level.key_params %}, {{ pair.hier | literal }}, {{ name | trusted }}::text{% endfor %}), pg_catalog.current_setting('search_path'));
        end if;
    end loop;
{% endfor %}
end
$_place$;

comment on function {{ S | ident }}._place(
    {%- for level in m.levels %}{% for pair, name in level.key_params %}{{ pair.hier_type | sqltype }}, {% endfor %}{% endfor -%}
    uuid[]) is
'The ids of a flat row''s parents, found or created by natural key, locked FOR KEY SHARE.';
