{% from 'procedures/sync/macros.jinja' import not_echo, count_call, count_done, unfit with context %}
{% macro trigger() %}
create trigger tandem_20_insert after insert on {{ m.leaf.table | relation(m.schema) }}
for each row when ({{ not_echo() }})
execute function {{ S | ident }}.leaf_insert()
{%- endmacro %}
-- AFTER INSERT on the leaf table: the flat row that old programs see, from the first moment on.
create or replace function {{ S | ident }}.leaf_insert() returns trigger
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as $leaf_insert$
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_count bigint;
    v_us numeric;
begin
    {{ count_call(S, 'h2f') }}
    {{ unfit(m, m.leaf, m.leaf.pairs, unfit_tests) | trusted }}
    perform pg_catalog.set_config(
        'tandem.origin', 'sync:' || pg_catalog.pg_trigger_depth(), true
    );
    perform {{ S | ident }}._add_flat({{ m.leaf.id | column('new') }});
    perform pg_catalog.set_config('tandem.origin', v_origin, true);
    {{ count_done(S, 'h2f') }}
    return null;
end
$leaf_insert$;

comment on function {{ S | ident }}.leaf_insert() is
'Trigger function: a new leaf gets its flat row.';
