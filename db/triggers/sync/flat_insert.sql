{% from 'triggers/sync/frame.jinja' import variables, enter, leave with context %}
{% macro trigger() %}
create trigger tandem_20_insert after insert on {{ m.flat.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.flat_insert()
{%- endmacro %}
-- AFTER INSERT on the flat table. The row is read again: a trigger of the application may have
-- changed or deleted it since. All parents there and unchanged: one statement; else the slow way.
create or replace function {{ S | ident }}.flat_insert() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $flat_insert$
#variable_conflict use_variable
declare
    {{ variables() }}
    v_kept uuid;
    r_leaf record;
begin
{{ enter('f2h') | trusted }}
    -- A DELETE of this key may have kept its leaf since the BEFORE trigger looked: the INSERT waited for
    -- it, or both are one statement. With that leaf's id the row takes the slow way below.
    v_kept := {{ S | ident }}._kept_for({{ m.flat.key | column('new') }}::text);
    if v_kept is not null and not exists (
        select from {{ S | ident }}.kept as own where own.leaf_id = {{ m.leaf.sync | column('new') }}
    ) then
        update {{ m.flat.table | relation(m.schema) }} as flat
        set {{ m.leaf.sync | ident }} = v_kept
        where {{ m.flat.key | column('flat') }} = {{ m.flat.key | column('new') }}
            and {{ m.leaf.sync | column('flat') }} = {{ m.leaf.sync | column('new') }};
    end if;
    insert into {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }} (
        {{ m.leaf.id | ident }}, {{ m.leaf.parent | ident }}
        {%- for pair in m.leaf.pairs %}, {{ pair.hier | ident }}{% endfor %}
        {%- if m.leaf.actor %}, {{ m.leaf.actor | ident }}{% endif %}

    )
    select
        {{ m.leaf.sync | column('flat') }}, {{ m.bottom.sync | column('flat') }}
        {%- for pair in m.leaf.pairs %}, {{ pair | put('flat') }}{% endfor %}
        {%- if m.leaf.actor %}, session_user{% endif %}

    from {{ m.flat.table | relation(m.schema) }} as flat
{% for level in m.levels %}
    join {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
        on {{ level.id | column(level.name) }} = {{ level.sync | column('flat') }}
{% if level.parent %}
        and {{ level.parent | column(level.name) }} = {{ m.levels[loop.index0 - 1].sync | column('flat') }}
{% endif %}
{% for pair in level.key_pairs %}
        and {{ pair.hier | column(level.name) }} = {{ pair | put('flat') }}
{% endfor %}
{% endfor %}
    where {{ m.flat.key | column('flat') }} = {{ m.flat.key | column('new') }}
        and {{ m.leaf.sync | column('flat') }} = {{ m.leaf.sync | column('new') }}
        and {{ m.flat.status | column('flat') }} = 'active'
    on conflict ({{ m.leaf.id | ident }}) do nothing
    returning {% for pair in m.leaf.pairs %}{{ pair.hier | column(m.leaf.name) }}{{ ', ' if not loop.last }}{% else %}true as inserted{% endfor %}

    into r_leaf;
    if not found then
        perform {{ S | ident }}._push({{ m.flat.key | column('new') }});
    else
{% for satellite in m.satellites %}
        if {{ satellite.lead_pair.flat | column('new') }} is not null then
            perform {{ S | ident }}._push_{{ satellite.name | trusted }}({{ m.leaf.sync | column('new') }});
        end if;
{% endfor %}
{% if m.leaf.pairs %}
        if {% for pair in m.leaf.pairs %}{{ pair | differs('new', 'r_leaf') }}{{ '
            or ' if not loop.last }}{% endfor %} then
            -- a BEFORE trigger of the application stored something else: that is the truth now
            perform {{ S | ident }}._pull({{ m.leaf.sync | column('new') }});
        end if;
{% endif %}
    end if;
    {{ leave('f2h') }}
end
$flat_insert$;

comment on function {{ S | ident }}.flat_insert() is
'Trigger function: a new flat row gets its configuration and its dated rows.';
