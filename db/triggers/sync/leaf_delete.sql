{% from 'triggers/sync/frame.jinja' import variables, enter, gone, leave with context %}
{% macro trigger() %}
create trigger tandem_22_delete after delete on {{ m.leaf.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.leaf_delete()
{%- endmacro %}
create or replace function {{ S | ident }}.leaf_delete() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $leaf_delete$
#variable_conflict use_variable
declare
    {{ variables() }}
    v_key text;
    v_status text;
begin
{% set there %}
select from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column('old') }}
{%- endset %}
{{ enter('h2f', echo=gone(m.leaf.id | column('old'), there)) | trusted }}
    delete from {{ m.flat.table | relation(m.schema) }} as flat
    where {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column('old') }}
        and not exists (
            select from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
            where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.id | column('old') }}
        )
    returning {{ m.flat.key | column('flat') }}::text, {{ m.flat.status | column('flat') }} into v_key, v_status;
    if not found and exists (
        select from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column('old') }}
    ) and not exists (
        select from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.id | column('old') }}
    ) then
        perform tandem._suppressed({{ m.name | literal }}, {{ m.flat.table | literal }}, {{ m.leaf.id | column('old') }}::text);
    end if;
    if v_status <> 'active' then
        perform tandem._resolve({{ m.name | literal }}, v_key, 'deleted');
    end if;
    -- a note of a rollback that did not go on, or what could not come back of this leaf
    delete from {{ S | ident }}.kept as kept where kept.leaf_id = {{ m.leaf.id | column('old') }} and kept.leaf is null;
    if found then
        perform tandem._resolve({{ m.name | literal }}, {{ m.leaf.id | column('old') }}::text, 'deleted', 'hierarchy');
    end if;
    delete from {{ S | ident }}.due as due where due.leaf_id = {{ m.leaf.id | column('old') }};
    {{ leave('h2f') }}
end
$leaf_delete$;

comment on function {{ S | ident }}.leaf_delete() is
'Trigger function: a deleted leaf takes its flat row along.';
