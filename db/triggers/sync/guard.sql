{% macro trigger() %}
create trigger tandem_11_guard
before update of {% for level in m.chain %}{{ level.sync | ident }}, {% endfor %}{{ m.flat.status | ident }}
on {{ m.flat.table | relation(m.schema) }}
for each row when (case when pg_catalog.current_setting('tandem.origin', true)
        like pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth(), ':%')
    and pg_catalog.has_schema_privilege({{ S | ident | literal }}, 'create')
    then not pg_catalog.starts_with(pg_catalog.current_setting('tandem.origin', true), pg_catalog.concat(
        'sync:', pg_catalog.pg_trigger_depth(), ':', pg_catalog.currval('tandem.origin'::regclass), ':'))
    else true end)
execute function {{ S | ident }}.guard()
{%- endmacro %}
-- BEFORE UPDATE on the flat table: the sync columns are tandem's. What a client writes there is
-- ignored, as an ORM may send back all columns of a row that it read long ago.
create or replace function {{ S | ident }}.guard() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $guard$
#variable_conflict use_variable
begin
    {{ m.flat.status | column('new') }} := {{ m.flat.status | column('old') }};
{% for level in m.chain %}
    {{ level.sync | column('new') }} := {{ level.sync | column('old') }};
{% endfor %}
    return new;
end
$guard$;

comment on function {{ S | ident }}.guard() is
'Trigger function: what a client writes into the sync columns is ignored.';
