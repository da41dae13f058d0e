{% macro key(level, position) %}
{{ (level.name ~ '_key_' ~ position) | ident }}
{%- endmacro %}
{% macro keys(level, alias) %}
{% for pair in level.key_pairs %}{{ alias | ident }}.{{ key(level, loop.index) | trusted }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}
{% macro key_columns(level, before='') %}
{% if level.parent %}{{ before | trusted }}{{ level.parent | ident }}, {% endif %}{% for pair in level.key_pairs %}{{ before | trusted }}{{ pair.hier | ident }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}
{% macro at(level, suffix) %}
{{ (level.name ~ '_' ~ suffix) | ident }}
{%- endmacro %}
{% macro join_placed(level, parent) %}
{# A row of the batch meets its parent of this level by the natural key, which both carry. #}
join {{ at(level, 'all') | trusted }} as {{ level.name | ident }}
                on {% if parent %}{{ level.name | ident }}.parent_id = {{ parent.name | ident }}.id
                and {% endif %}
{% for pair in level.key_pairs %}
{{ level.name | ident }}.{{ key(level, loop.index) | trusted }} = _todo.{{ key(level, loop.index) | trusted }}{{ '
                and ' if not loop.last }}
{%- endfor %}
{%- endmacro %}
-- The set-based part of a batch, one statement: parents found or created top down, then the flat rows'
-- ids, the leaves and the dated rows. A parent that is found is locked in key order by the look-up itself:
-- if it was renamed meanwhile the condition is tested again on the new version, and it is not found.
-- One that somebody else has just created is not seen: such rows wait for the caller's next turn.
-- Tables are read by index (OFFSET 0: level by level), because plans are first made while they are
-- empty and unanalysed; what the batch itself holds is joined by hash, in the order written: taken for one
-- row each, a child met by its own name before its parent would multiply rows.
create or replace function {{ S | ident }}._migrate_rows(
    p_from {{ m.flat.key_type | sqltype }}, p_to {{ m.flat.key_type | sqltype }}, out rows_done bigint, out rows_lost bigint
)
language plpgsql
set search_path = {{ m.search_path | path }}
set enable_seqscan = off
set enable_bitmapscan = off
set enable_mergejoin = off
set enable_material = off
set enable_hashjoin = on
set enable_nestloop = off
set join_collapse_limit = 1
set jit = off
set plan_cache_mode = force_generic_plan
as $_migrate_rows$
#variable_conflict use_variable
declare
    v_now timestamptz := pg_catalog.clock_timestamp();
begin
    with _todo as materialized (
        select {{ m.flat.key | column('flat') }} as flat_key
{%- for level in m.levels %}{% for pair in level.key_pairs %},
            {{ pair | put('flat') }} as {{ key(level, loop.index) | trusted }}
{%- endfor %}{% endfor %}

        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.flat.key | column('flat') }} >= p_from and {{ m.flat.key | column('flat') }} <= p_to
            and {{ m.leaf.sync | column('flat') }} is null and {{ m.flat.status | column('flat') }} = 'active'
    ),

{% for level in m.levels %}
{% set parent = m.levels[loop.index0 - 1] if level.parent else none %}
    {{ at(level, 'found') | trusted }} as materialized (
        select k.*, one.id
        from (
            select distinct {% if parent %}{{ parent.name | ident }}.id as parent_id, {% endif %}{{ keys(level, '_todo') | trusted }}
            from _todo
{% for other in m.levels[:loop.index0] %}
            {{ join_placed(other, m.levels[loop.index0 - 1] if other.parent else none) | trusted }}
{% endfor %}
            order by {% if parent %}parent_id, {% endif %}{{ keys(level, '_todo') | trusted }}
        ) as k
        left join lateral (
            select {{ level.id | column('one') }} as id
            from {{ level.table | relation(m.schema) }} as one
            where {% if parent %}{{ level.parent | column('one') }} = k.parent_id and {% endif %}
{% for pair in level.key_pairs %}
{{ pair.hier | column('one') }} = k.{{ key(level, loop.index) | trusted }}{{ ' and ' if not loop.last }}
{%- endfor %}

            offset 0
            for key share
        ) as one on true
    ),

    {{ at(level, 'new') | trusted }} as (
        insert into {{ level.table | relation(m.schema) }} as one ({{ level.id | ident }}, {{ key_columns(level) | trusted }})
        select tandem.new_id(), {% if parent %}k.parent_id, {% endif %}{{ keys(level, 'k') | trusted }}
        from {{ at(level, 'found') | trusted }} as k
        where k.id is null
        on conflict do nothing
        returning {{ level.id | column('one') }}, {{ key_columns(level, 'one.') | trusted }}
    ),

    {{ at(level, 'all') | trusted }} (id, {% if parent %}parent_id, {% endif %}
{%- for pair in level.key_pairs %}{{ key(level, loop.index) | trusted }}{{ ', ' if not loop.last }}{% endfor %}) as materialized (
        select k.id, {% if parent %}k.parent_id, {% endif %}{{ keys(level, 'k') | trusted }}
        from {{ at(level, 'found') | trusted }} as k
        where k.id is not null
        union all
        select n.* from {{ at(level, 'new') | trusted }} as n
    ),

{% endfor %}
    assigned as (
        update {{ m.flat.table | relation(m.schema) }} as flat
        set {{ m.leaf.sync | ident }} = tandem.new_id()
{%- for level in m.levels %}, {{ level.sync | ident }} = {{ level.name | ident }}.id{% endfor %}

        from _todo
{% for level in m.levels %}
        {{ join_placed(level, m.levels[loop.index0 - 1] if level.parent else none) | trusted }}
{% endfor %}
        where {{ m.flat.key | column('flat') }} = _todo.flat_key
            and {{ m.flat.key | column('flat') }} >= p_from and {{ m.flat.key | column('flat') }} <= p_to
            and {{ m.leaf.sync | column('flat') }} is null and {{ m.flat.status | column('flat') }} = 'active'
        returning flat.*
    ),

    leaves as (
        insert into {{ m.leaf.table | relation(m.schema) }} (
            {{ m.leaf.id | ident }}, {{ m.leaf.parent | ident }}
            {%- for pair in m.leaf.pairs %}, {{ pair.hier | ident }}{% endfor %}
            {%- if m.leaf.actor %}, {{ m.leaf.actor | ident }}{% endif %}

        )
        select {{ m.leaf.sync | column('flat') }}, {{ m.bottom.sync | column('flat') }}
            {%- for pair in m.leaf.pairs %}, {{ pair | put('flat') }}{% endfor %}
            {%- if m.leaf.actor %}, session_user{% endif %}

        from assigned as flat
        returning true
    ){% for satellite in m.satellites %},

    {{ (satellite.name ~ '_rows') | ident }} as (
        insert into {{ satellite.table | relation(m.schema) }} (
            {{ satellite.id | ident }}, {{ satellite.parent | ident }}, {{ satellite.effective | ident }}
            {%- for pair in satellite.pairs %}, {{ pair.hier | ident }}{% endfor %}
            {%- for name, value in satellite.where %}, {{ name | ident }}{% endfor %}

        )
        select tandem.new_id(), {{ m.leaf.sync | column('flat') }}, v_now
            {%- for pair in satellite.pairs %}, {{ pair | put('flat') }}{% endfor %}
            {%- for name, value in satellite.where %}, {{ value | literal }}{% endfor %}

        from assigned as flat
        where {{ satellite.lead_pair.flat | column('flat') }} is not null
        returning true
    ){% endfor %}


    select (select pg_catalog.count(*) from assigned),
        (select pg_catalog.count(*) from assigned) - (select pg_catalog.count(*) from leaves)
{%- for satellite in m.satellites %}

        + (select pg_catalog.count({{ satellite.lead_pair.flat | column('flat') }}) from assigned as flat)
        - (select pg_catalog.count(*) from {{ (satellite.name ~ '_rows') | ident }})
{%- endfor %}

    into rows_done, rows_lost;
end
$_migrate_rows$;

comment on function {{ S | ident }}._migrate_rows({{ m.flat.key_type | sqltype }}, {{ m.flat.key_type | sqltype }}) is
'Moves the flat rows of a range that have no ids yet; returns how many got them, and how many rows of theirs a trigger suppressed.';
