{% from 'procedures/sync/macros.jinja' import chain_join, in_force, satellite_differs with context %}
-- Hierarchy to flat for one whole leaf: writes the columns that differ, and no others. p_what: all;
-- columns, without those of dated rows (the flat row's writer may be at work on them); or levels, only
-- those of levels that the leaf was moved to: not of levels above p_left, the parent that it had.
create or replace function {{ S | ident }}._pull(
    p_leaf uuid, p_depth integer default 0, p_what text default 'all', p_left uuid default null
) returns text
language plpgsql
set search_path = {{ m.search_path | path }}
as $_pull$
#variable_conflict use_variable
declare
    v_now timestamptz;
    v_left uuid[];
    r_flat record;
begin
    if p_left is not null then
        select array[{% for level in m.levels %}{{ level.id | column(level.name) }}{{ ', ' if not loop.last }}{% endfor %}] into v_left
        from {{ m.bottom.table | relation(m.schema) }} as {{ m.bottom.name | ident }}
{% for level in m.levels[:-1] | reverse %}
        left join {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
            on {{ level.id | column(level.name) }} = {{ m.chain[m.chain | length - loop.index - 1].parent | column(m.chain[m.chain | length - loop.index - 1].name) }}
{% endfor %}
        where {{ m.bottom.id | column(m.bottom.name) }} = p_left;
    end if;
    if not {{ S | ident }}._lock_chain(p_leaf) then
        return 'gone';
    end if;
    v_now := pg_catalog.clock_timestamp();
    -- The joined rows are locked, so a wait for the flat row cannot make them stale.
    update {{ m.flat.table | relation(m.schema) }} as flat
    set
{% for level in m.levels %}
        {{ level.sync | ident }} = {{ level.id | column(level.name) }},
{% for pair in level.pairs %}
        {{ pair.flat | ident }} = case when {{ pair | differs('flat', level.name) }}
            and (p_what <> 'levels' or {{ level.sync | column('flat') }} is distinct from {{ level.id | column(level.name) }}
                and {{ level.id | column(level.name) }} <> all (coalesce(v_left, '{}')))
            then {{ pair | get(level.name) }} else {{ pair.flat | column('flat') }} end,
{% endfor %}
{% endfor %}
{% for pair in m.leaf.pairs %}
        {{ pair.flat | ident }} = case when p_what <> 'levels' and {{ pair | differs('flat', m.leaf.name) }}
            then {{ pair | get(m.leaf.name) }} else {{ pair.flat | column('flat') }} end,
{% endfor %}
{% for satellite in m.satellites %}
{% for pair in satellite.pairs %}
        {{ pair.flat | ident }} = case when p_what = 'all' and {{ pair | differs('flat', satellite.name) }}
{%- if pair.hier != satellite.lead %}
 and {{ satellite.lead | column(satellite.name) }} is not null
{%- endif %}

            then {{ pair | get(satellite.name) }} else {{ pair.flat | column('flat') }} end,
{% endfor %}
{% endfor %}
{% if m.flat.touch %}
        {{ m.flat.touch | ident }} = v_now,
{% endif %}
        {{ m.flat.status | ident }} = {{ m.flat.status | column('flat') }}
    from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    {{ chain_join(m) | indent(4) | trusted }}
{% for satellite in m.satellites %}
    {{ in_force(m, satellite) | indent(4) | trusted }}
{% endfor %}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
        and {{ m.leaf.sync | column('flat') }} = p_leaf
        and (
{% for level in m.levels %}
            {{ level.sync | column('flat') }} is distinct from {{ level.id | column(level.name) }} or
{% for pair in level.pairs %}
            p_what <> 'levels' and {{ pair | differs('flat', level.name) }} or
{% endfor %}
{% endfor %}
{% for pair in m.leaf.pairs %}
            p_what <> 'levels' and {{ pair | differs('flat', m.leaf.name) }} or
{% endfor %}
{% for satellite in m.satellites %}
            p_what = 'all' and {{ satellite_differs(satellite) | indent(12) | trusted }} or
{% endfor %}
            false
        )
    returning flat.* into r_flat;
    if not found then
        select * into r_flat from {{ m.flat.table | relation(m.schema) }} as flat where {{ m.leaf.sync | column('flat') }} = p_leaf;
        if found and p_what = 'levels' and exists (
            select from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
            {{ chain_join(m) | indent(12) | trusted }}
            where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
                and ({% for level in m.levels %}{{ level.id | column(level.name) }} <> {{ level.sync | column('r_flat') }}{{ ' or ' if not loop.last }}{% endfor %})
        ) then
            perform tandem._suppressed({{ m.name | literal }}, {{ m.flat.table | literal }}, p_leaf::text);
        end if;
        return case when r_flat is null then 'gone' else 'unchanged' end;
    end if;
    if {{ m.flat.status | column('r_flat') }} = 'rejected'
        or (p_depth = 0 and p_what = 'all' and {{ S | ident }}._differs(p_leaf)) then
        -- the row may be in order again; or
        -- a BEFORE trigger of the application stored something else: written back once
        perform {{ S | ident }}._push({{ m.flat.key | column('r_flat') }}, null, 1);
    end if;
    return 'written';
end
$_pull$;

comment on function {{ S | ident }}._pull(uuid, integer, text, uuid) is
'Makes the flat row say what its leaf and the chain above say. Returns written, unchanged or gone.';
