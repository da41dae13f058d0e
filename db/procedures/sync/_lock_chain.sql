-- Locks a leaf and its ancestors, so that what is read of them afterwards (in a new statement) stays
-- true until the end of the transaction. Top down, as everyone does; the leaf itself comes last.
create or replace function {{ S | ident }}._lock_chain(p_leaf uuid) returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
as $_lock_chain$
#variable_conflict use_variable
declare
{% for level in m.levels %}
    v_{{ level.name | trusted }} uuid;
{% endfor %}
begin
    for v_try in 1 .. 100 loop
        select {% for level in m.levels %}{{ level.id | column(level.name) }}{{ ', ' if not loop.last }}{% endfor %}

        into {% for level in m.levels %}v_{{ level.name | trusted }}{{ ', ' if not loop.last }}{% endfor %}

        from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
{% for level in m.levels | reverse %}
        left join {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
            on {{ level.id | column(level.name) }} = {{ m.chain[m.chain | length - loop.index].parent | column(m.chain[m.chain | length - loop.index].name) }}
{% endfor %}
        where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf;
        if not found then
            return false;
        end if;
        if {% for level in m.levels %}v_{{ level.name | trusted }} is null{{ ' or ' if not loop.last }}{% endfor %} then
            perform tandem._no_chain({{ m.name | literal }}, {{ m.leaf.table | literal }}, p_leaf);
        end if;
{% for level in m.levels %}
        perform from {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
        where {{ level.id | column(level.name) }} = v_{{ level.name | trusted }}
{%- if level.parent %}

            and {{ level.parent | column(level.name) }} = v_{{ m.levels[loop.index0 - 1].name | trusted }}
{%- endif %}

        for key share;
        continue when not found;
{% endfor %}
        perform from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
            and {{ m.leaf.parent | column(m.leaf.name) }} = v_{{ m.bottom.name | trusted }}
        for no key update;
        if found then
            return true;
        end if;
    end loop;
    raise exception 'the parents of a row of {{ m.leaf.table | in_format }} keep changing'
    using errcode = 'serialization_failure',
        detail = pg_catalog.format('Row %s.', p_leaf),
        hint = 'Try the transaction again.';
end
$_lock_chain$;

comment on function {{ S | ident }}._lock_chain(uuid) is
'Locks a leaf and its ancestors top down; false where there is no such leaf.';
