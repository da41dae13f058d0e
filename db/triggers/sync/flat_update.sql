{% from 'procedures/sync/macros.jinja' import is_due with context %}
{% from 'triggers/sync/frame.jinja' import changed_columns, enter, leave, variables with context %}
{% macro trigger() %}
create trigger tandem_21_update after update on {{ m.flat.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.flat_update()
{%- endmacro %}
-- AFTER UPDATE on the flat table. Only columns that the statement changed are propagated, only
-- where the other side differs, and with the value that the row has now.
create or replace function {{ S | ident }}.flat_update() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $flat_update$
#variable_conflict use_variable
declare
    {{ variables() }}
    v_news bigint;
    v_pull boolean := false;
    v_whole boolean := false;
    v_kept uuid;
{% for pair in m.leaf.pairs %}
    v_changed_{{ loop.index | literal }} boolean;  -- {{ pair.flat | ident }}
{% endfor %}
    r_leaf record;
begin
{% set unchanged %}
not ({{ m.flat.key | changed(m.flat.key_type) }}
{%- for pair in m.pairs %}

        or {% if pair in m.leaf.pairs %}v_changed_{{ (m.leaf.pairs.index(pair) + 1) | literal }}{% else %}{{ pair | flat_changed }}{% endif %}
{%- endfor %})
{%- endset %}
{{ enter('f2h', unchanged, changed_columns('flat'), m | meant_bits('flat'), changed=m | flat_bits) | trusted }}
    if {{ m.flat.key | changed(m.flat.key_type) }} then
        if {{ m.leaf.sync | column('old') }} is null then
            v_kept := {{ S | ident }}._kept_for({{ m.flat.key | column('old') }}::text);
            -- rejected, or on the way forward and not linked yet: what it would get goes along, and comes first
            update {{ S | ident }}.kept as kept
            set flat_key = {{ m.flat.key | column('new') }}::text, kept_at = v_started,
                reason = case kept.reason when 'deleted' then 'rollback' else kept.reason end
            where kept.leaf_id = v_kept;
        end if;
        -- Identity follows the row. The notes of rejected rows do so by what the table holds now:
        -- keys may have been swapped.
        if not exists (
            select from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.flat.key | column('flat') }} = {{ m.flat.key | column('old') }} and {{ m.flat.status | column('flat') }} = 'rejected'
        ) then
            perform tandem._resolve({{ m.name | literal }}, {{ m.flat.key | column('old') }}::text, 'key changed');
        end if;
        -- the run's batches may have passed the new key
        v_whole := not exists (select from tandem.mapping as t where t.name = {{ m.name | literal }} and t.phase = 'migrated');
    end if;
{% if m.satellites %}
    -- A due row comes into force first; what this statement changed is newer. While the sync is being switched
    -- on the flat table has the say.
    if {{ is_due(m, m.leaf.sync | column('new')) | trusted }} then
{% for satellite in m.satellites %}
        perform {{ S | ident }}._pull_{{ satellite.name | trusted }}({{ m.leaf.sync | column('new') }}, array[
            {%- for pair in satellite.pairs %}{{ pair | flat_changed }}{{ ', ' if not loop.last }}{% endfor -%}
        ]);
{% endfor %}
    end if;
{% endif %}
    if v_news is not null and {{ m.flat.status | column('new') }} is distinct from 'active' then
        null;  -- waits: its batch, or who corrects it, takes it as it is then
    elsif v_whole or {{ m.leaf.sync | column('new') }} is null or {{ m.flat.status | column('new') }} is distinct from 'active'
        or {{ S | ident }}._fault(
            {% for pair in m.pairs %}{{ pair.flat | column('new') }}{{ ', ' if not loop.last }}{% endfor %}

        ) is not null
    then
        -- not migrated yet, rejected, or perhaps out of the batches' reach
        perform {{ S | ident }}._push({{ m.flat.key | column('new') }}
            {%- if m.satellites %}, p_keep => array[
            {%- for satellite in m.satellites %}{% set outer = loop %}{% for pair in satellite.pairs %}{{ pair | flat_changed }}{{ ', ' if not (loop.last and outer.last) }}{% endfor %}{% endfor -%}
        ]{% endif %});
    else
        if {% for level in m.levels %}{% set outer = loop %}{% for pair in level.key_pairs %}{{ pair | flat_changed }}{{ '
            or ' if not (loop.last and outer.last) }}{% endfor %}{% endfor %} then
            if v_news is null or v_news & {{ m | column_bits(m.levels | map(attribute='pairs') | sum(start=())) }} <> 0 then
                perform {{ S | ident }}._move({{ m.flat.key | column('new') }});
            end if;
        end if;
        -- dated rows first: the echo of the leaf's write then finds nothing that differs
{% for satellite in m.satellites %}
        if {% for pair in satellite.pairs %}{{ pair | flat_changed }}{{ ' or ' if not loop.last }}{% endfor %} then
            if v_news is null or v_news & {{ m | column_bits(satellite.pairs) }} <> 0 then
                perform {{ S | ident }}._push_{{ satellite.name | trusted }}({{ m.leaf.sync | column('new') }}, array[
                    {%- for pair in satellite.pairs %}{{ pair | flat_changed }}{{ ', ' if not loop.last }}{% endfor -%}
                ]);
            end if;
        end if;
{% endfor %}
{% if m.leaf.pairs %}
        if {% for pair in m.leaf.pairs %}v_changed_{{ loop.index | literal }}{{ ' or ' if not loop.last }}{% endfor %} then
            update {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
            set
{% for pair in m.leaf.pairs %}
                {{ pair.hier | ident }} = case when v_changed_{{ loop.index | literal }} and {{ pair | differs('flat', m.leaf.name) }}
                    then {{ pair | put('flat') }} else {{ pair.hier | column(m.leaf.name) }} end
                    {{- ',' if not loop.last or m.leaf.actor }}
{% endfor %}
{% if m.leaf.actor %}
                {{ m.leaf.actor | ident }} = session_user
{% endif %}
            from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.leaf.sync | column('flat') }} = {{ m.leaf.sync | column('new') }}
                and {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.sync | column('new') }}
                and ({% for pair in m.leaf.pairs %}
(v_changed_{{ loop.index | literal }} and {{ pair | differs('flat', m.leaf.name) }})
                    {%- if not loop.last %}

                    or {% endif %}
{% endfor %})
            returning {% for pair in m.leaf.pairs %}{{ pair.hier | column(m.leaf.name) }}{{ ', ' if not loop.last }}{% endfor %}

            into r_leaf;
            if found then
                v_pull := {% for pair in m.leaf.pairs %}(v_changed_{{ loop.index | literal }} and {{ pair | differs('new', 'r_leaf') }}){{ '
                    or ' if not loop.last }}{% endfor %};
            elsif not exists (
                select from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
                where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.sync | column('new') }}
            ) then
                perform {{ S | ident }}._push({{ m.flat.key | column('new') }});
            else
                v_pull := exists (
                    select from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
                    where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.sync | column('new') }}
                        and ({% for pair in m.leaf.pairs %}v_changed_{{ loop.index | literal }} and {{ pair | differs('new', m.leaf.name) }}{{ '
                            or ' if not loop.last }}{% endfor %})
                );
            end if;
        end if;
{% endif %}
        if v_pull then
            -- A BEFORE trigger of the application stored something else, or nothing: the truth now. Not of
            -- columns that wait for their batch.
            if exists (select from tandem.mapping as t where t.name = {{ m.name | literal }} and t.phase = 'migrated') then
                perform {{ S | ident }}._pull({{ m.leaf.sync | column('new') }});
            elsif v_news is null then
                perform {{ S | ident }}._push({{ m.flat.key | column('new') }});
            end if;
        end if;
    end if;
    {{ leave('f2h') }}
end
$flat_update$;

comment on function {{ S | ident }}.flat_update() is
'Trigger function: what changed in a flat row changes in the hierarchy, and nothing else.';
