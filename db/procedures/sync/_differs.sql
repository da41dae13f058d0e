{% from 'procedures/sync/macros.jinja' import chain_join, in_force, satellite_differs with context %}
-- Whether the two sides of one leaf differ in a mapped column. A rejected row is known to.
create or replace function {{ S | ident }}._differs(p_leaf uuid) returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
as $_differs$
#variable_conflict use_variable
declare
    v_now timestamptz := pg_catalog.clock_timestamp();
begin
    return exists (
        select
        from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        {{ chain_join(m) | indent(8) | trusted }}
{% for satellite in m.satellites %}
        {{ in_force(m, satellite) | indent(8) | trusted }}
{% endfor %}
        join {{ m.flat.table | relation(m.schema) }} as flat on {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column(m.leaf.name) }}
        where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
            and {{ m.flat.status | column('flat') }} is distinct from 'rejected'
            and (
{% for level in m.chain %}
{% for pair in level.pairs %}
                {{ pair | differs('flat', level.name) }} or
{% endfor %}
{% endfor %}
{% for satellite in m.satellites %}
                {{ satellite_differs(satellite) | indent(16) | trusted }} or
{% endfor %}
                false
            )
    );
end
$_differs$;

comment on function {{ S | ident }}._differs(uuid) is
'True where a flat row and its leaf differ in a mapped column and the row is not rejected.';
