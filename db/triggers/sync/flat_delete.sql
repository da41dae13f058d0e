{% from 'procedures/sync/macros.jinja' import not_echo, count_call, count_done with context %}
{% macro trigger() %}
create trigger tandem_22_delete after delete on {{ m.flat.table | relation(m.schema) }}
for each row when ({{ not_echo() }})
execute function {{ S | ident }}.flat_delete()
{%- endmacro %}
-- AFTER DELETE on the flat table: the configuration goes, and is kept as jsonb first.
create or replace function {{ S | ident }}.flat_delete() returns trigger
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as $flat_delete$
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_count bigint;
    v_us numeric;
begin
    {{ count_call(S, 'f2h') }}
    perform pg_catalog.set_config(
        'tandem.origin', 'sync:' || pg_catalog.pg_trigger_depth(), true
    );
    if {{ m.flat.status | column('old') }} is distinct from 'active' then
        perform tandem._resolve({{ m.name | literal }}, {{ m.flat.key | column('old') }}::text, 'deleted');
    end if;
    if {{ m.leaf.sync | column('old') }} is not null then
        perform {{ S | ident }}._keep({{ m.leaf.sync | column('old') }}, {{ m.flat.key | column('old') }}::text, 'deleted');
    end if;
    perform pg_catalog.set_config('tandem.origin', v_origin, true);
    {{ count_done(S, 'f2h') }}
    return null;
end
$flat_delete$;

comment on function {{ S | ident }}.flat_delete() is
'Trigger function: a deleted flat row takes its configuration along, which is kept as jsonb.';
