-- A flat row got another natural key: its leaf goes to the parent of that name, found or created.
-- Nothing but the place is written: other columns may be on their way from either side.
create or replace function {{ S | ident }}._move(p_key {{ m.flat.key_type | sqltype }}) returns void
language plpgsql
set search_path = {{ m.search_path | path }}
as $_move$
#variable_conflict use_variable
declare
    r_flat record;
    r_place record;
    v_parent uuid;
begin
    select * into r_flat
    from {{ m.flat.table | relation(m.schema) }} as flat
    where {{ m.flat.key | column('flat') }} = p_key
    for no key update;
    if not found then
        return;
    end if;
    select * into r_place from {{ S | ident }}._place(
{% for level in m.levels %}
{% for pair, name in level.key_params %}
        {{ pair | put('r_flat') }},
{% endfor %}
{% endfor %}
        array[{% for level in m.levels %}{{ level.sync | column('r_flat') }}{{ ', ' if not loop.last }}{% endfor %}]
    );
    update {{ m.flat.table | relation(m.schema) }} as flat
    set {% for level in m.levels %}{{ level.sync | ident }} = r_place.{{ level.name | trusted }}_id{{ ', ' if not loop.last }}{% endfor %}

    where {{ m.flat.key | column('flat') }} = p_key
        and ({% for level in m.levels %}{{ level.sync | column('flat') }} is distinct from r_place.{{ level.name | trusted }}_id{{ '
            or ' if not loop.last }}{% endfor %});
    update {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    set {{ m.leaf.parent | ident }} = r_place.{{ m.bottom.name | trusted }}_id
{%- if m.leaf.actor %},
        {{ m.leaf.actor | ident }} = session_user
{%- endif %}

    where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.sync | column('r_flat') }}
        and {{ m.leaf.parent | column(m.leaf.name) }} is distinct from r_place.{{ m.bottom.name | trusted }}_id
    returning {{ m.leaf.parent | column(m.leaf.name) }} into v_parent;
    if not found then
        select {{ m.leaf.parent | column(m.leaf.name) }} into v_parent
        from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.sync | column('r_flat') }};
    end if;
    if v_parent <> r_place.{{ m.bottom.name | trusted }}_id then
        -- a BEFORE trigger of the application kept the leaf where it was
        perform tandem._suppressed({{ m.name | literal }}, {{ m.leaf.table | literal }}, {{ m.leaf.sync | column('r_flat') }}::text);
    end if;
end
$_move$;

comment on function {{ S | ident }}._move({{ m.flat.key_type | sqltype }}) is
'Moves the leaf of a flat row to the parent that the row''s natural key names.';
