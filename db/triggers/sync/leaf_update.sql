{% from 'procedures/sync/macros.jinja' import is_due with context %}
{% from 'triggers/sync/frame.jinja' import changed_columns, enter, leave, unfit, variables with context %}
{% macro trigger() %}
create trigger tandem_21_update after update on {{ m.leaf.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.leaf_update()
{%- endmacro %}
-- AFTER UPDATE on the leaf table: the changed columns, where the flat row differs.
create or replace function {{ S | ident }}.leaf_update() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $leaf_update$
#variable_conflict use_variable
declare
    {{ variables() }}
    v_news bigint;
    v_found boolean;
{% for pair in m.leaf.pairs %}
    v_changed_{{ loop.index | literal }} boolean;  -- {{ pair.hier | ident }}
{% endfor %}
    r_flat record;
begin
{% set unchanged %}
not ({{ m.leaf.id | changed('uuid') }} or {{ m.leaf.parent | changed('uuid') }}
{%- for pair in m.leaf.pairs %} or v_changed_{{ loop.index | literal }}{% endfor %})
{%- endset %}
{{ enter('h2f', unchanged, changed_columns('leaf'), m | meant_bits('leaf'), changed=m | leaf_bits) | trusted }}
{{ unfit(m.leaf) | trusted }}
{% if m.satellites %}
    -- A due row comes into force with any write of its leaf; not where this transaction has written the
    -- flat row, whose new value may still be on its way, and not while the flat table has the say.
    if {{ is_due(m, m.leaf.id | column('new')) | trusted }} and not exists (
        select from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column('new') }} and tandem._my_transaction(flat.xmin)
    ) then
{% for satellite in m.satellites %}
        perform {{ S | ident }}._pull_{{ satellite.name | trusted }}({{ m.leaf.id | column('new') }});
{% endfor %}
    end if;
{% endif %}
    if {{ m.leaf.id | changed('uuid') }} then
        -- identity follows the row
        update {{ m.flat.table | relation(m.schema) }} as flat
        set {{ m.leaf.sync | ident }} = {{ m.leaf.id | column('new') }}
        where {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column('old') }};
        update {{ S | ident }}.kept as kept set leaf_id = {{ m.leaf.id | column('new') }} where kept.leaf_id = {{ m.leaf.id | column('old') }} and kept.reason <> 'deleted';
    end if;
    if {{ m.leaf.parent | changed('uuid') }} and (v_news is null or v_news & 1 <> 0) then
        -- a level above both parents may have a name that the flat table never learned
        perform {{ S | ident }}._pull({{ m.leaf.id | column('new') }}, 0, 'levels', case when not exists (
            select from tandem.mapping as t where t.name = {{ m.name | literal }} and t.phase = 'migrated'
        ) then {{ m.leaf.parent | column('old') }} end);
    end if;
{% if m.leaf.pairs %}
    if {% for pair in m.leaf.pairs %}v_changed_{{ loop.index | literal }}{{ ' or ' if not loop.last }}{% endfor %} then
        update {{ m.flat.table | relation(m.schema) }} as flat
        set
{% for pair in m.leaf.pairs %}
            {{ pair.flat | ident }} = case when v_changed_{{ loop.index | literal }} and {{ pair | differs('flat', m.leaf.name) }}
                then {{ pair | get(m.leaf.name) }} else {{ pair.flat | column('flat') }} end
                {{- ',' if not loop.last or m.flat.touch }}
{% endfor %}
{% if m.flat.touch %}
            {{ m.flat.touch | ident }} = pg_catalog.clock_timestamp()
{% endif %}
        from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.id | column('new') }}
            and {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column('new') }}
            and ({% for pair in m.leaf.pairs %}
(v_changed_{{ loop.index | literal }} and {{ pair | differs('flat', m.leaf.name) }})
                {%- if not loop.last %}

                or {% endif %}
{% endfor %})
        returning flat.* into r_flat;
        v_found := found;
        if v_found and ({{ m.flat.status | column('r_flat') }} = 'rejected'
{% for pair in m.leaf.pairs %}
            or (v_changed_{{ loop.index | literal }} and {{ pair | differs('r_flat', 'new') }})
{% endfor %}
        ) then
            -- without its dated rows, if the row is in order: theirs may be on their way in this statement
            perform {{ S | ident }}._push({{ m.flat.key | column('r_flat') }}, null, 1, false,
                case when {{ m.flat.status | column('r_flat') }} = 'rejected' then '{}'::boolean[] end);
        elsif not v_found and tandem._has_own_triggers({{ m.name | literal }}) then
            -- a BEFORE trigger of the application suppressed that: the flat row is the truth
            perform {{ S | ident }}._push({{ m.flat.key | column('flat') }}, null, 1, false, null)
            from {{ m.flat.table | relation(m.schema) }} as flat
            join {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }} on {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.sync | column('flat') }}
            where {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column('new') }} and {{ m.flat.status | column('flat') }} is distinct from 'rejected'
                and ({% for pair in m.leaf.pairs %}v_changed_{{ loop.index | literal }} and {{ pair | differs('flat', m.leaf.name) }}{{ '
                    or ' if not loop.last }}{% endfor %});
        end if;
    end if;
{% endif %}
    {{ leave('h2f') }}
end
$leaf_update$;

comment on function {{ S | ident }}.leaf_update() is
'Trigger function: what changed in a leaf changes in its flat row, and nothing else.';
