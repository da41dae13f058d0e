{% from 'triggers/sync/frame.jinja' import ours with context %}
{% macro trigger() %}
create trigger tandem_10_assign before insert on {{ m.flat.table | relation(m.schema) }}
for each row execute function {{ S | ident }}.assign()
{%- endmacro %}
-- BEFORE INSERT on the flat table: only assigns. It writes nothing elsewhere, because the row may
-- still vanish (ON CONFLICT DO NOTHING). What the client sent in the sync columns is ignored.
create or replace function {{ S | ident }}.assign() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $assign$
#variable_conflict use_variable
declare
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_fault text;
begin
    if {{ ours('v_origin') }} then
        return new;
    end if;
    v_fault := {{ S | ident }}._fault(
        {% for pair in m.pairs %}{{ pair.flat | column('new') }}{{ ', ' if not loop.last }}{% endfor %}

    );
{% for level in m.chain %}
    {{ level.sync | column('new') }} := null;
{% endfor %}
    if v_fault is not null then
{% if m.reject == 'raise' %}
        perform tandem._refuse({{ m.name | literal }}, {{ m.flat.table | literal }}, {{ m.flat.key | column('new') }}::text, v_fault,
            'The flat row was not written: the policy of this mapping is raise.', 'Correct the value, or choose reject = "keep" in the mapping.');
{% endif %}
        {{ m.flat.status | column('new') }} := 'rejected';
        return new;
    end if;
    {{ m.flat.status | column('new') }} := 'active';
    {{ m.leaf.sync | column('new') }} := {{ S | ident }}._kept_for({{ m.flat.key | column('new') }}::text);
    if {{ m.leaf.sync | column('new') }} is not null then
        -- The AFTER trigger brings back what was kept, the slow way: no parents are assigned here.
        return new;
    end if;
    {{ m.leaf.sync | column('new') }} := tandem.new_id();
{% for level in m.levels %}
    select {{ level.id | column(level.name) }} into {{ level.sync | column('new') }}
    from {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
    where {% if level.parent %}{{ level.parent | column(level.name) }} = {{ m.levels[loop.index0 - 1].sync | column('new') }}
        and {% endif %}
{% for pair in level.key_pairs %}
{{ pair.hier | column(level.name) }} = {{ pair | put('new') }}
{%- if not loop.last %}

        and {% endif %}
{% endfor %}

    for key share;
{% if not loop.last %}
    if not found then
        return new;
    end if;
{% endif %}
{% endfor %}
    return new;
end
$assign$;

comment on function {{ S | ident }}.assign() is
'Trigger function: gives a new flat row its ids, those of parents that exist; nothing is written.';
