{% from 'procedures/sync/macros.jinja' import not_echo, count_call, count_done, chain_join, in_force, unfit with context %}
{% macro trigger() %}
create trigger tandem_20_insert after insert on {{ m.leaf.table | relation(m.schema) }}
for each row when ({{ not_echo() }})
execute function {{ S | ident }}.leaf_insert()
{%- endmacro %}
-- AFTER INSERT on the leaf table: the flat row that old programs see, from the first moment on.
create or replace function {{ S | ident }}.leaf_insert() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $leaf_insert$
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_now timestamptz;
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_count bigint;
    v_us numeric;
begin
    {{ count_call(S, 'h2f') }}
    {{ unfit(m, m.leaf, m.leaf.pairs, unfit_tests) | trusted }}
    perform pg_catalog.set_config(
        'tandem.origin', 'sync:' || pg_catalog.pg_trigger_depth(), true
    );
    if {{ S | ident }}._lock_chain({{ m.leaf.id | column('new') }}) then
        v_now := pg_catalog.clock_timestamp();
        insert into {{ m.flat.table | relation(m.schema) }} (
            {{ m.flat.status | ident }}
            {%- if m.flat.new_key %}, {{ m.flat.key | ident }}{% endif %}
            {%- for level in m.chain %}, {{ level.sync | ident }}{% for pair in level.pairs %}, {{ pair.flat | ident }}{% endfor %}{% endfor %}
            {%- for satellite in m.satellites %}, {{ satellite.lead_pair.flat | ident }}{% endfor %}

        )
        select
            'active'
            {%- if m.flat.new_key %}, {{ m.flat.new_key | trusted }}(){% endif %}
            {%- for level in m.chain %}, {{ level.id | column(level.name) }}{% for pair in level.pairs %}, {{ pair | get(level.name) }}{% endfor %}{% endfor %}
            {%- for satellite in m.satellites %}, {{ satellite.lead_pair | get(satellite.name) }}{% endfor %}

        from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        {{ chain_join(m) | indent(8) | trusted }}
{% for satellite in m.satellites %}
        {{ in_force(m, satellite) | indent(8) | trusted }}
{% endfor %}
        where {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.id | column('new') }}
            and not exists (
                select from {{ m.flat.table | relation(m.schema) }} as flat
                where {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column('new') }}
            );
        if not found or {{ S | ident }}._differs({{ m.leaf.id | column('new') }}) then
            -- the row was there, or holds more than was written: columns without a lead, a trigger
            perform {{ S | ident }}._settle({{ m.leaf.id | column('new') }});
        end if;
    end if;
    perform pg_catalog.set_config('tandem.origin', v_origin, true);
    {{ count_done(S, 'h2f') }}
    return null;
end
$leaf_insert$;

comment on function {{ S | ident }}.leaf_insert() is
'Trigger function: a new leaf gets its flat row.';
