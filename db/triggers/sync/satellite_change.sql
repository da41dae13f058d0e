{% from 'triggers/sync/frame.jinja' import enter, gone, leave, meant, variables with context %}
{% macro trigger_insert(satellite) %}
create trigger tandem_20_insert after insert on {{ satellite.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.{{ (satellite.name ~ '_change') | ident }}()
{%- endmacro %}
{% macro trigger_update(satellite) %}
create trigger tandem_21_update after update on {{ satellite.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.{{ (satellite.name ~ '_change') | ident }}()
{%- endmacro %}
{% macro trigger_delete(satellite) %}
create trigger tandem_22_delete after delete on {{ satellite.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.{{ (satellite.name ~ '_change') | ident }}()
{%- endmacro %}
{% for satellite in m.satellites %}
{% set name = satellite.name ~ '_change' %}
-- AFTER INSERT, UPDATE, DELETE on {{ satellite.table | ident }}: whatever is in force now is what the flat row says.
create or replace function {{ S | ident }}.{{ name | ident }}() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as ${{ name | trusted }}$
#variable_conflict use_variable
declare
    {{ variables() }}
    v_old uuid;
    v_new uuid;
    v_row uuid;
    v_was timestamptz;
    v_leaf uuid;
    v_keep boolean[];
begin
{% set unchanged %}
(tg_op = 'UPDATE' and not ({{ satellite.parent | changed('uuid') }} or {{ satellite.effective | changed('timestamptz') }}
{%- for pair in satellite.pairs %}

        or {{ pair | hier_changed }}
{%- endfor %}
{%- for name, value in satellite.where %}

        or {{ name | changed('text') }}
{%- endfor %}))
{%- endset %}
{% set there %}
select from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
            where {{ m.leaf.id | column(m.leaf.name) }} = {{ satellite.parent | column('old') }}
{%- endset %}
{% set echo %}
tg_op = 'INSERT' or tg_op = 'UPDATE' and ({{ m | dated_bits(satellite.pairs) }})
            & ~{{ meant() }} = 0 then
            return null;
        elsif tg_op = 'DELETE' and ({{ gone(satellite.parent | column('old'), there) }})
{%- endset %}
{{ enter('h2f', unchanged, about=m | column_bits(satellite.pairs), echo=echo) | trusted }}
    if tg_op <> 'INSERT' then
        v_old := {{ satellite.parent | column('old') }};
        v_was := {{ satellite.effective | column('old') }};
        -- Where the flat row waits for its batch, or to be corrected: columns that this event is not about.
        if tg_op = 'UPDATE' and not ({{ satellite.parent | changed('uuid') }} or {{ satellite.effective | changed('timestamptz') }}) then
            v_keep := array[{% for pair in satellite.pairs %}not {{ pair | hier_changed }}{{ ', ' if not loop.last }}{% endfor %}];
        else
            -- only if it takes the row in force away: what the flat row says beside that row is newer than it
            select array[{% for pair in satellite.pairs %}{{ pair | differs('flat', 'old') }} and not (tg_op = 'UPDATE' and {{ pair | hier_changed }}){{ ', ' if not loop.last }}{% endfor %}] into v_keep
            from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.leaf.sync | column('flat') }} = v_old and v_was <= pg_catalog.clock_timestamp() and not exists (
                select from {{ satellite.table | relation(m.schema) }} as s
                where {{ satellite.parent | column('s') }} = v_old and {{ satellite.id | column('s') }} <> {{ satellite.id | column('old') }}
                    and {{ satellite.effective | column('s') }} > v_was and {{ satellite.effective | column('s') }} <= pg_catalog.clock_timestamp()
{% for column_name, value in satellite.where %}
                    and {{ column_name | column('s') }} = {{ value | literal }}
{% endfor %}
            ) and {{ S | ident }}._is_waiting(v_old);
        end if;
    end if;
    if tg_op <> 'DELETE' then
        v_new := {{ satellite.parent | column('new') }};
        v_row := {{ satellite.id | column('new') }};
        if {{ satellite.effective | column('new') }} > pg_catalog.clock_timestamp() then
            insert into {{ S | ident }}.due (satellite, leaf_id, effective)
            values ({{ satellite.name | literal }}, v_new, {{ satellite.effective | column('new') }})
            on conflict do nothing;
        end if;
    end if;
    if v_old <> v_new then
        -- two leaves are taken in the order of their ids, so that two such moves cannot cross
        foreach v_leaf in array array[least(v_old, v_new), greatest(v_old, v_new)] loop
            perform {{ S | ident }}._settle_{{ satellite.name | trusted }}(
                v_leaf, case v_leaf when v_new then v_row end, case v_leaf when v_old then v_was end,
                case v_leaf when v_old then v_keep end);
        end loop;
    elsif v_old is not null or {{ satellite.effective | column('new') }} <= pg_catalog.clock_timestamp() then
        perform {{ S | ident }}._settle_{{ satellite.name | trusted }}(coalesce(v_new, v_old), v_row, v_was, v_keep);
    else
        -- A new row for later is only noted as due; who writes the flat row meanwhile waits, as its time may
        -- come before it is committed.
        perform from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        where {{ m.leaf.id | column(m.leaf.name) }} = v_new
        for no key update;
    end if;
    {{ leave('h2f') }}
end
${{ name | trusted }}$;

comment on function {{ S | ident }}.{{ name | ident }}() is
'Trigger function: the value in force after a change of dated rows goes to the flat row.';
{% endfor %}
