{% macro no_leaf(argument) %}
    if not found then
        raise exception 'there is no {{ m.leaf.name | in_format }} %', {{ argument | param }}
        using errcode = 'TD050', detail = 'Nothing was changed.', hint = 'See the id in {{ m.leaf.table | in_text }}.';
    end if;
{%- endmacro %}
{% if m.operation('add_parent') %}
{% set name = m.operation('add_parent') %}
-- Upsert: a parent chain, ready for a first leaf.
create or replace function {{ S | ident }}.{{ name | ident }}(
{% for level in m.levels %}
{% for pair, parameter in level.key_params %}
    {{ parameter | trusted }} {{ pair.hier_type | sqltype }}{{ ',' if not (loop.last and level.name == m.bottom.name) }}
{% endfor %}
{% endfor %}
) returns uuid
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as {{ name | tag }}
#variable_conflict use_variable
begin
{% for level in m.levels %}
{% for pair, parameter in level.key_params %}
{% if pair.missing == 'default' %}
    if tandem.is_blank({{ parameter | trusted }}::text) then
        {{ parameter | trusted }} := {{ pair.default | literal }};
    end if;
{% else %}
    if tandem.is_blank({{ parameter | trusted }}::text) then
        raise exception '{{ parameter | in_format }} is missing'
        using errcode = 'null_value_not_allowed', detail = 'It is part of a key.', hint = 'Nothing was done.';
    end if;
{% endif %}
{% endfor %}
{% endfor %}
    return (
        select p.{{ m.bottom.name | trusted }}_id
        from {{ S | ident }}._place(
            {%- for level in m.levels %}{% for pair, parameter in level.key_params %}{{ parameter | trusted }}, {% endfor %}{% endfor %}'{}') as p
    );
end
{{ name | tag }};

comment on function {{ S | ident }}.{{ name | ident }}({% for level in m.levels %}{% for pair, parameter in level.key_params %}{{ pair.hier_type | sqltype }}{{ ', ' if not (loop.last and level.name == m.bottom.name) }}{% endfor %}{% endfor %}) is
'Upsert: the id of a {{ m.bottom.name | in_text }}, found or created with all its parents by natural key. Writers may call it.';
{% endif %}
{% if m.operation('add_leaf') %}
{% set name = m.operation('add_leaf') %}

-- Upsert: a leaf. The parent's row lock puts two callers in a line, so that they cannot both insert.
create or replace function {{ S | ident }}.{{ name | ident }}(
    {{ m.leaf.parent | param }} uuid,
    {{ m.leaf.id | param }} uuid default null
{%- for column_name, type in m.leaf.types %},
    {{ column_name | param }} {{ type | sqltype }} default null
{%- endfor %}

) returns uuid
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as {{ name | tag }}
#variable_conflict use_variable
declare
    v_leaf uuid;
    v_count bigint := 0;
begin
    perform from {{ m.bottom.table | relation(m.schema) }} as {{ m.bottom.name | ident }}
    where {{ m.bottom.id | column(m.bottom.name) }} = {{ m.leaf.parent | param }}
    for no key update;
    if not found then
        raise exception 'there is no {{ m.bottom.name | in_format }} %', {{ m.leaf.parent | param }}
        using errcode = 'TD050', detail = 'A {{ m.leaf.name | in_text }} needs its parent first.',
            hint = 'Create it{% if m.operation("add_parent") %} with {{ S | in_text }}.{{ m.operation("add_parent") | in_text }}(...){% endif %}.';
    end if;
    if {{ m.leaf.id | param }} is not null then
        select {{ m.leaf.id | column(m.leaf.name) }} into v_leaf
        from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.id | param }};
{% for match in m.leaf.match %}
    elsif {{ match | param }} is not null then
        select pg_catalog.count(*), (pg_catalog.array_agg({{ m.leaf.id | column(m.leaf.name) }}))[1] into v_count, v_leaf
        from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        where {{ m.leaf.parent | column(m.leaf.name) }} = {{ m.leaf.parent | param }}
            and {{ match | column(m.leaf.name) }} = {{ match | param }};
{% endfor %}
    end if;
    if v_count > 1 then
        raise exception '% rows of {{ m.leaf.table | in_format }} match', v_count
        using errcode = 'TD051', detail = 'Which of them is meant cannot be known; nothing was changed.',
            hint = 'Call it with {{ m.leaf.id | param | in_text }}.';
    end if;
    if v_leaf is not null then
        update {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        set {{ m.leaf.parent | ident }} = {{ m.leaf.parent | param }}
{%- for column_name, type in m.leaf.types %},
            {{ column_name | ident }} = coalesce({{ column_name | param }}, {{ column_name | column(m.leaf.name) }})
{%- endfor %}

        where {{ m.leaf.id | column(m.leaf.name) }} = v_leaf;
        return v_leaf;
    end if;
    insert into {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }} (
        {{ m.leaf.id | ident }}, {{ m.leaf.parent | ident }}
        {%- for column_name, type in m.leaf.types %}, {{ column_name | ident }}{% endfor %}

    )
    values (
        coalesce({{ m.leaf.id | param }}, tandem.new_id()), {{ m.leaf.parent | param }}
        {%- for column_name, type in m.leaf.types %}, {{ column_name | param }}{% endfor %}

    )
    returning {{ m.leaf.id | column(m.leaf.name) }} into v_leaf;
    return v_leaf;
end
{{ name | tag }};

comment on function {{ S | ident }}.{{ name | ident }}(uuid, uuid{% for column_name, type in m.leaf.types %}, {{ type | sqltype }}{% endfor %}) is
'Upsert: the id of a {{ m.leaf.name | in_text }}, matched by {{ m.leaf.id | param | in_text }}{% for match in m.leaf.match %}, else by {{ match | param | in_text }}{% endfor %}, else inserted. '
'Arguments left NULL do not change what is there. The flat row follows. Writers may call it.';
{% endif %}
{% if m.operation('update_leaf') %}
{% set name = m.operation('update_leaf') %}

-- Upsert: changes of a leaf.
create or replace function {{ S | ident }}.{{ name | ident }}(
    {{ m.leaf.id | param }} uuid
{%- for column_name, type in m.leaf.types %},
    {{ column_name | param }} {{ type | sqltype }} default null
{%- endfor %}

) returns uuid
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as {{ name | tag }}
#variable_conflict use_variable
begin
    update {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    set {% for column_name, type in m.leaf.types %}{{ column_name | ident }} = coalesce({{ column_name | param }}, {{ column_name | column(m.leaf.name) }}){{ ',
        ' if not loop.last }}{% endfor %}

    where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.id | param }};
{{ no_leaf(m.leaf.id) | trusted }}
    return {{ m.leaf.id | param }};
end
{{ name | tag }};

comment on function {{ S | ident }}.{{ name | ident }}(uuid{% for column_name, type in m.leaf.types %}, {{ type | sqltype }}{% endfor %}) is
'Upsert: changes a {{ m.leaf.name | in_text }}; arguments left NULL do not change what is there. The flat row follows. Writers may call it.';
{% endif %}
{% if m.operation('update_leaf_status') %}
{% set name = m.operation('update_leaf_status') %}

-- Upsert: the status of a leaf.
create or replace function {{ S | ident }}.{{ name | ident }}(
    {{ m.leaf.id | param }} uuid, p_status text
) returns uuid
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as {{ name | tag }}
#variable_conflict use_variable
begin
    update {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    set {{ m.status_column | ident }} = p_status
    where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.id | param }};
{{ no_leaf(m.leaf.id) | trusted }}
    return {{ m.leaf.id | param }};
end
{{ name | tag }};

comment on function {{ S | ident }}.{{ name | ident }}(uuid, text) is
'Upsert: sets the status of a {{ m.leaf.name | in_text }}, NULL included. The flat row follows. Writers may call it.';
{% endif %}
{% if m.operation('add_satellite') and m.satellites %}
{% set name = m.operation('add_satellite') %}
{% set satellite = m.satellites[0] %}

-- Upsert: a dated row of a leaf.
create or replace function {{ S | ident }}.{{ name | ident }}(
    {{ satellite.parent | param }} uuid
{%- for column_name, type in satellite.types %},
    {{ column_name | param }} {{ type | sqltype }} default null
{%- endfor %},
    {{ satellite.effective | param }} timestamptz default null
) returns uuid
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as {{ name | tag }}
#variable_conflict use_variable
declare
    v_id uuid;
begin
    perform from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    where {{ m.leaf.id | column(m.leaf.name) }} = {{ satellite.parent | param }}
    for no key update;
{{ no_leaf(satellite.parent) | trusted }}
    update {{ satellite.table | relation(m.schema) }} as s
    set {% for column_name, type in satellite.types %}{{ column_name | ident }} = coalesce({{ column_name | param }}, {{ column_name | column('s') }}){{ ',
        ' if not loop.last }}{% endfor %}

    where {{ satellite.parent | column('s') }} = {{ satellite.parent | param }}
        and {{ satellite.effective | column('s') }} = {{ satellite.effective | param }}
{% for column_name, value in satellite.where %}
        and {{ column_name | column('s') }} = {{ value | literal }}
{% endfor %}
    returning {{ satellite.id | column('s') }} into v_id;
    if found then
        return v_id;
    end if;
    insert into {{ satellite.table | relation(m.schema) }} as s (
        {{ satellite.id | ident }}, {{ satellite.parent | ident }}, {{ satellite.effective | ident }}
        {%- for column_name, type in satellite.types %}, {{ column_name | ident }}{% endfor %}

    )
    values (
        tandem.new_id(), {{ satellite.parent | param }}, coalesce({{ satellite.effective | param }}, pg_catalog.clock_timestamp())
        {%- for column_name, type in satellite.types %}, {{ column_name | param }}{% endfor %}

    )
    returning {{ satellite.id | column('s') }} into v_id;
    return v_id;
end
{{ name | tag }};

comment on function {{ S | ident }}.{{ name | ident }}(uuid{% for column_name, type in satellite.types %}, {{ type | sqltype }}{% endfor %}, timestamptz) is
'Upsert: a dated row of a {{ m.leaf.name | in_text }}: changed where one has this very time, else added (now, where no time is given). The flat row follows. Writers may call it.';
{% endif %}
