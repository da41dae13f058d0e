{% from 'triggers/sync/frame.jinja' import enter, leave, meant, unfit, variables with context %}
{% macro trigger(level) %}
create trigger tandem_21_update after update on {{ level.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.{{ (level.name ~ '_update') | ident }}()
{%- endmacro %}
{% for level in m.levels %}
{% set depth = loop.index0 %}
{% set name = level.name ~ '_update' %}
-- AFTER UPDATE on {{ level.table | ident }}: a rename or a move reaches all flat rows below it. They are found by their own
-- id column and never by a join: a leaf that moves away meanwhile must not be renamed. While the
-- migration runs they are found by names, as an old program may have moved them while nothing was synced.
create or replace function {{ S | ident }}.{{ name | ident }}() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as ${{ name | trusted }}$
#variable_conflict use_variable
declare
    {{ variables() }}
    v_own boolean;
    v_key {{ m.flat.key_type | sqltype }};
begin
{% set unchanged %}
not ({{ level.id | changed('uuid') }}
{%- if level.parent %}

        or {{ level.parent | changed('uuid') }}
{%- endif %}
{%- for pair in level.pairs %}

        or {{ pair | hier_changed }}
{%- endfor %})
{%- endset %}
{% set changes %}
    v_own := tandem._has_own_triggers({{ m.name | literal }});
{% endset %}
{{ enter('h2f', unchanged, changes, about='case when v_own then %s else %s end' | format(m | column_bits(level.pairs), m | column_bits(m.levels | map(attribute='pairs') | sum(start=()))), echo=meant() ~ ' = -1') | trusted }}
    perform tandem._in_read_committed({{ m.name | literal }}, {{ ('a row of ' ~ level.table ~ ' can be renamed or moved') | literal }},
        'Flat rows that were added below it after this transaction''s snapshot would keep the old value.');
{{ unfit(level) | trusted }}
    if {{ level.id | changed('uuid') }} then
        update {{ m.flat.table | relation(m.schema) }} as flat
        set {{ level.sync | ident }} = {{ level.id | column('new') }}
        where {{ level.sync | column('flat') }} = {{ level.id | column('old') }};
    end if;
    if not exists (select from tandem.mapping as t where t.name = {{ m.name | literal }} and t.phase = 'migrated') then
        perform {{ S | ident }}._rename_unmigrated({{ depth | literal }}, {{ level.id | column('new') }}, pg_catalog.jsonb_build_object(
            {%- for pair in level.key_pairs %}{{ pair.hier | literal }}, {{ pair.hier | column('old') }}{{ ', ' if not loop.last or level.parent }}{% endfor %}
            {%- if level.parent %}{{ level.parent | literal }}, {{ level.parent | column('old') }}{% endif -%}
        ));
    else
        update {{ m.flat.table | relation(m.schema) }} as flat
        set
{% for pair in level.pairs %}
            {{ pair.flat | ident }} = case when {{ pair | differs('flat', level.name) }}
                then {{ pair | get(level.name) }} else {{ pair.flat | column('flat') }} end
                {{- ',' if not loop.last or m.flat.touch }}
{% endfor %}
{% if m.flat.touch %}
            {{ m.flat.touch | ident }} = pg_catalog.clock_timestamp()
{% endif %}
        from {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
        where {{ level.id | column(level.name) }} = {{ level.id | column('new') }}
            and {{ level.sync | column('flat') }} = {{ level.id | column('new') }}
            and ({% for pair in level.pairs %}
{{ pair | differs('flat', level.name) }}{{ '
                or ' if not loop.last }}
{%- endfor %});
{% if level.parent %}
        if {{ level.parent | changed('uuid') }} then
            -- moved: leaf by leaf, because each locks its whole chain before it reads it
            perform {{ S | ident }}._pull({{ m.leaf.id | column(m.leaf.name) }}, 0, 'levels')
            from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
{% for other in m.levels[depth:] | reverse %}
{% set below = m.chain[m.chain | length - loop.index] %}
            join {{ other.table | relation(m.schema) }} as {{ other.name | ident }} on {{ other.id | column(other.name) }} = {{ below.parent | column(below.name) }}
{% endfor %}
            where {{ level.id | column(level.name) }} = {{ level.id | column('new') }};
        end if;
{% endif %}
    end if;
    -- Rejected rows may be in order again; and what own triggers stored in these columns is the truth.
    for v_key in
        select {{ m.flat.key | column('flat') }}
        from {{ m.flat.table | relation(m.schema) }} as flat
        join {{ level.table | relation(m.schema) }} as {{ level.name | ident }} on {{ level.id | column(level.name) }} = {{ level.sync | column('flat') }}
        where {{ level.sync | column('flat') }} = {{ level.id | column('new') }} and ({{ m.flat.status | column('flat') }} = 'rejected' or v_own and ({% for pair in level.pairs %}
{{ pair | differs('flat', level.name) }}{{ ' or ' if not loop.last }}
{%- endfor %}))
    loop
        perform {{ S | ident }}._push(v_key, null, 1);
    end loop;
    {{ leave('h2f') }}
end
${{ name | trusted }}$;

comment on function {{ S | ident }}.{{ name | ident }}() is
'Trigger function: a renamed or moved row of this level changes all flat rows below it.';
{% endfor %}
