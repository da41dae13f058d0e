{% from 'procedures/sync/macros.jinja' import not_echo, count_call, count_done, in_force, satellite_differs with context %}
{% macro trigger_insert(satellite) %}
create trigger tandem_20_insert after insert on {{ satellite.table | relation(m.schema) }}
for each row when ({{ not_echo() }})
execute function {{ S | ident }}.{{ (satellite.name ~ '_change') | ident }}()
{%- endmacro %}
{% macro trigger_update(satellite) %}
create trigger tandem_21_update after update on {{ satellite.table | relation(m.schema) }}
for each row when ((
{% for pair in satellite.pairs %}
    {{ pair | hier_changed }} or
{% endfor %}
{% for name, value in satellite.where %}
    {{ name | changed('text') }} or
{% endfor %}
    {{ satellite.parent | changed('uuid') }} or
    {{ satellite.effective | changed('timestamptz') }}
) and {{ not_echo() }})
execute function {{ S | ident }}.{{ (satellite.name ~ '_change') | ident }}()
{%- endmacro %}
{% macro trigger_delete(satellite) %}
create trigger tandem_22_delete after delete on {{ satellite.table | relation(m.schema) }}
for each row when ({{ not_echo() }})
execute function {{ S | ident }}.{{ (satellite.name ~ '_change') | ident }}()
{%- endmacro %}
{% for satellite in m.satellites %}
{% set name = satellite.name ~ '_change' %}
-- AFTER INSERT, UPDATE, DELETE on {{ satellite.table | ident }}: whatever is in force now is what the flat row says.
create or replace function {{ S | ident }}.{{ name | ident }}() returns trigger
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as ${{ name | trusted }}$
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_count bigint;
    v_us numeric;
    v_old uuid;
    v_new uuid;
    v_row uuid;
    v_was timestamptz;
begin
    {{ count_call(S, 'h2f') }}
    if tg_op <> 'INSERT' then
        v_old := {{ satellite.parent | column('old') }};
        v_was := {{ satellite.effective | column('old') }};
    end if;
    if tg_op <> 'DELETE' then
        v_new := {{ satellite.parent | column('new') }};
        v_row := {{ satellite.id | column('new') }};
        if {{ satellite.effective | column('new') }} > pg_catalog.clock_timestamp() then
            insert into {{ S | ident }}.due (satellite, leaf_id, effective)
            values ({{ satellite.name | literal }}, v_new, {{ satellite.effective | column('new') }})
            on conflict do nothing;
        end if;
    end if;
    perform pg_catalog.set_config(
        'tandem.origin', 'sync:' || pg_catalog.pg_trigger_depth(), true
    );
    if v_old <> v_new then
        -- two leaves are taken in the order of their ids, so that two such moves cannot cross
        perform {{ S | ident }}._settle_{{ satellite.name | trusted }}(least(v_old, v_new), null, '-infinity');
        perform {{ S | ident }}._settle_{{ satellite.name | trusted }}(greatest(v_old, v_new), null, '-infinity');
    else
        perform {{ S | ident }}._settle_{{ satellite.name | trusted }}(coalesce(v_new, v_old), v_row, v_was);
    end if;
    perform pg_catalog.set_config('tandem.origin', v_origin, true);
    {{ count_done(S, 'h2f') }}
    return null;
end
${{ name | trusted }}$;

comment on function {{ S | ident }}.{{ name | ident }}() is
'Trigger function: the value in force after a change of dated rows goes to the flat row.';

-- Only what this event brought into force, or took out of it, reaches the flat row; and of the flat row
-- only the columns of dated rows: others may have changed in the same statement and be on their way.
create or replace function {{ S | ident }}._settle_{{ satellite.name | trusted }}(
    p_leaf uuid, p_row uuid, p_was timestamptz
) returns void
language plpgsql
set search_path = {{ m.search_path | path }}
as $_settle_{{ satellite.name | trusted }}$
declare
    r_row record;
begin
    select {{ satellite.id | column('s') }} as row_id, {{ satellite.effective | column('s') }} as effective into r_row
    from {{ satellite.table | relation(m.schema) }} as s
    where {{ satellite.parent | column('s') }} = p_leaf and {{ satellite.effective | column('s') }} <= pg_catalog.clock_timestamp()
{% for column_name, value in satellite.where %}
        and {{ column_name | column('s') }} = {{ value | literal }}
{% endfor %}
    order by {{ satellite.effective | column('s') }} desc
    limit 1;
    if found and r_row.row_id is distinct from p_row
        and (p_was is null or (p_was < r_row.effective and p_was > '-infinity')) then
        return;  -- neither in force now nor before
    end if;
    if not found and p_was is null then
        return;  -- a first row, for later
    end if;
    perform {{ S | ident }}._pull_{{ satellite.name | trusted }}(p_leaf);
    if {{ S | ident }}._differs_{{ satellite.name | trusted }}(p_leaf) then
        -- a BEFORE trigger of the application stored something else: that is the truth now
        perform {{ S | ident }}._push_{{ satellite.name | trusted }}(p_leaf);
        if {{ S | ident }}._differs_{{ satellite.name | trusted }}(p_leaf) then
            perform tandem._suppressed({{ m.flat.table | literal }}, p_leaf::text);
        end if;
    end if;
end
$_settle_{{ satellite.name | trusted }}$;

comment on function {{ S | ident }}._settle_{{ satellite.name | trusted }}(uuid, uuid, timestamptz) is
'Writes the value in force to the flat row where an event changed which that is.';

create or replace function {{ S | ident }}._differs_{{ satellite.name | trusted }}(p_leaf uuid) returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
as $_differs_{{ satellite.name | trusted }}$
declare
    v_now timestamptz := pg_catalog.clock_timestamp();
begin
    return exists (
        select
        from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        {{ in_force(m, satellite) | indent(8) | trusted }}
        join {{ m.flat.table | relation(m.schema) }} as flat on {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column(m.leaf.name) }}
        where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
            and {{ m.flat.status | column('flat') }} is distinct from 'rejected'
            and {{ satellite_differs(satellite) | indent(12) | trusted }}
    );
end
$_differs_{{ satellite.name | trusted }}$;

comment on function {{ S | ident }}._differs_{{ satellite.name | trusted }}(uuid) is
'True where a flat row does not show the value in force and is not rejected.';
{% endfor %}
