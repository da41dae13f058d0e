{% from 'procedures/sync/macros.jinja' import satellite_differs, in_force with context %}
{% for satellite in m.satellites %}
{% set name = '_pull_' ~ satellite.name %}
-- Hierarchy to flat: the dated row in force. The leaf's row lock puts writers in a line; what is
-- read, is read after it. p_keep marks columns, in the mapping's order, whose flat value is newer.
create or replace function {{ S | ident }}.{{ name | ident }}(
    p_leaf uuid, p_keep boolean[] default '{}'
) returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
as ${{ name | trusted }}$
#variable_conflict use_variable
declare
    v_now timestamptz;
begin
    perform from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
    for no key update;
    if not found then
        return false;
    end if;
    -- A writer from an old snapshot must learn that the flat row was changed since: 40001.
    perform from {{ m.flat.table | relation(m.schema) }} as flat
    where {{ m.leaf.sync | column('flat') }} = p_leaf
    for no key update;
    v_now := pg_catalog.clock_timestamp();
    -- first: a trigger that looks at what is written does not find the row due again
    delete from {{ S | ident }}.due as due
    where due.leaf_id = p_leaf and due.satellite = {{ satellite.name | literal }} and due.effective <= v_now;
    update {{ m.flat.table | relation(m.schema) }} as flat
    set
{% for pair in satellite.pairs %}
        {{ pair.flat | ident }} = case when p_keep[{{ loop.index | literal }}] is not true and {{ pair | differs('flat', satellite.name) }}
{%- if pair.hier != satellite.lead %}
 and {{ satellite.lead | column(satellite.name) }} is not null
{%- endif %}

            then {{ pair | get(satellite.name) }} else {{ pair.flat | column('flat') }} end
            {{- ',' if not loop.last or m.flat.touch }}
{% endfor %}
{% if m.flat.touch %}
        {{ m.flat.touch | ident }} = v_now
{% endif %}
    from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    {{ in_force(m, satellite) | indent(4) | trusted }}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
        and {{ m.leaf.sync | column('flat') }} = p_leaf
        and ({% for pair in satellite.pairs %}
p_keep[{{ loop.index | literal }}] is not true and {{ pair | differs('flat', satellite.name) }}
{%- if pair.hier != satellite.lead %}
 and {{ satellite.lead | column(satellite.name) }} is not null
{%- endif %}
{{ '
            or ' if not loop.last }}
{%- endfor %});
    return found;
end
${{ name | trusted }}$;

comment on function {{ S | ident }}.{{ name | ident }}(uuid, boolean[]) is
'Writes the value in force of a leaf to its flat row; true where that took a write.';
{% endfor %}
