{% from 'triggers/sync/frame.jinja' import variables, enter, gone, leave with context %}
{% macro trigger() %}
create trigger tandem_22_delete after delete on {{ m.flat.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.flat_delete()
{%- endmacro %}
-- AFTER DELETE on the flat table: the configuration goes, and is kept as jsonb first.
create or replace function {{ S | ident }}.flat_delete() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $flat_delete$
#variable_conflict use_variable
declare
    {{ variables() }}
begin
{% set there %}
select from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
            where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.sync | column('old') }}
{%- endset %}
{{ enter('f2h', echo=gone(m.leaf.sync | column('old'), there)) | trusted }}
    if {{ m.flat.status | column('old') }} is distinct from 'active' then
        perform tandem._resolve({{ m.name | literal }}, {{ m.flat.key | column('old') }}::text, 'deleted');
    end if;
    if {{ m.leaf.sync | column('old') }} is not null then
        perform {{ S | ident }}._keep({{ m.leaf.sync | column('old') }}, {{ m.flat.key | column('old') }}::text, 'deleted');
    else
        -- on the way forward and not linked yet: whoever takes over the key does not take over the leaf
        perform {{ S | ident }}._keep(kept.leaf_id, kept.flat_key, 'deleted')
        from {{ S | ident }}.kept as kept
        where kept.flat_key = {{ m.flat.key | column('old') }}::text and kept.reason <> 'deleted' and not exists (
            select from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.leaf.sync | column('flat') }} = kept.leaf_id
        );
    end if;
    {{ leave('f2h') }}
end
$flat_delete$;

comment on function {{ S | ident }}.flat_delete() is
'Trigger function: a deleted flat row takes its configuration along, which is kept as jsonb.';
