{% macro trigger(table) %}
create trigger tandem_23_truncate before truncate on {{ table | relation(m.schema) }}
for each statement execute function {{ S | ident }}.hierarchy_truncate()
{%- endmacro %}
create or replace function {{ S | ident }}.hierarchy_truncate() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $hierarchy_truncate$
#variable_conflict use_variable
begin
    perform tandem._note_error({{ m.name | literal }}, 42);
    raise exception '% cannot be truncated while it is kept in step', tg_table_name
    using errcode = 'TD042',
        detail = 'TRUNCATE fires no row triggers; the flat table would keep the rows.',
        hint = pg_catalog.format(
            'Use DELETE, or switch the sync off first: SELECT tandem.set_sync(%L, %L, false).',
            {{ m.name | literal }}, 'hierarchy_to_flat'
        );
end
$hierarchy_truncate$;

comment on function {{ S | ident }}.hierarchy_truncate() is
'Trigger function: refuses TRUNCATE of a table of the hierarchy (TD042).';
