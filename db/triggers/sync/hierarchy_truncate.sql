{% macro trigger(table) %}
create trigger tandem_23_truncate before truncate on {{ table | relation(m.schema) }}
for each statement execute function {{ S | ident }}.hierarchy_truncate()
{%- endmacro %}
create or replace function {{ S | ident }}.hierarchy_truncate() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $hierarchy_truncate$
#variable_conflict use_variable
begin
    perform tandem._refuse_truncate({{ m.name | literal }}, tg_table_name);
    return null;
end
$hierarchy_truncate$;

comment on function {{ S | ident }}.hierarchy_truncate() is
'Trigger function: refuses TRUNCATE of a table of the hierarchy (TD042).';
