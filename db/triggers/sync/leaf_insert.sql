{% from 'triggers/sync/frame.jinja' import variables, enter, leave, unfit with context %}
{% macro trigger() %}
create trigger tandem_20_insert after insert on {{ m.leaf.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.leaf_insert()
{%- endmacro %}
-- AFTER INSERT on the leaf table: the flat row that old programs see, from the first moment on.
create or replace function {{ S | ident }}.leaf_insert() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $leaf_insert$
#variable_conflict use_variable
declare
    {{ variables() }}
begin
{{ enter('h2f') | trusted }}
{{ unfit(m.leaf) | trusted }}
    perform {{ S | ident }}._add_flat({{ m.leaf.id | column('new') }});
    {{ leave('h2f') }}
end
$leaf_insert$;

comment on function {{ S | ident }}.leaf_insert() is
'Trigger function: a new leaf gets its flat row.';
