{# What tandem._pack_row does, whose calls, two and more a row, had made a DELETE half as long again. #}
{% macro packed(table, alias) %}
pg_catalog.to_jsonb({{ alias | ident }}.*::text || array(
            select a.attname::text from pg_catalog.pg_attribute as a
            where a.attrelid = {{ table | relation(m.schema) | literal }}::regclass and a.attnum > 0 and not a.attisdropped
            order by a.attnum
        ))
{%- endmacro %}
-- Deletes a leaf with its dated rows, after keeping what the flat table cannot hold.
create or replace function {{ S | ident }}._keep(p_leaf uuid, p_key text, p_reason text) returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set extra_float_digits = 1
as $_keep$
#variable_conflict use_variable
declare
    v_leaf jsonb;
    v_parent uuid;
{% for satellite in m.satellites %}
    v_rows_{{ loop.index | literal }} jsonb;  -- {{ satellite.name | ident }}
{% endfor %}
begin
    -- locked before it is read, or deleted and read by one statement: what a concurrent writer has just
    -- committed is kept as well
    perform from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
    for update;
    if not found then
        update {{ S | ident }}.kept as kept
        set flat_key = p_key, parent = case when p_key is null then kept.parent end, reason = p_reason, kept_at = pg_catalog.clock_timestamp()
        where kept.leaf_id = p_leaf;
        return false;
    end if;
{% for satellite in m.satellites %}
    with gone as (
        delete from {{ satellite.table | relation(m.schema) }} as s where {{ satellite.parent | column('s') }} = p_leaf
        returning {{ packed(satellite.table, 's') | trusted }} as content
    )
    select coalesce(pg_catalog.jsonb_agg(gone.content), '[]') into v_rows_{{ loop.index | literal }}
    from gone;
{% endfor %}
    delete from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
    returning {{ packed(m.leaf.table, m.leaf.name) | trusted }}, {{ m.leaf.parent | column(m.leaf.name) }} into v_leaf, v_parent;
    if not found then
        perform tandem._suppressed({{ m.name | literal }}, {{ m.leaf.table | literal }}, p_leaf::text);
    end if;
    insert into {{ S | ident }}.kept as kept (flat_key, leaf_id, leaf, parent, satellites, reason)
    values (
        p_key, p_leaf, v_leaf, case when p_key is null then v_parent end,
        pg_catalog.jsonb_build_object({% for satellite in m.satellites %}{{ satellite.name | literal }}, v_rows_{{ loop.index | literal }}{{ ', ' if not loop.last }}{% endfor %}), p_reason
    )
    on conflict (leaf_id) do update
    set flat_key = excluded.flat_key, parent = excluded.parent, reason = excluded.reason, kept_at = excluded.kept_at,
        -- what waited here while a program made the leaf again stays; what could not come back stays apart
        leaf = tandem._merge_rows(excluded.leaf, case when kept.reason <> 'deleted' then kept.leaf end),
        satellites = tandem._join_dated(excluded.satellites, case when kept.reason <> 'deleted' then kept.satellites end),
        remains = case when kept.reason <> 'deleted' or kept.leaf is null then kept.remains end;
    delete from {{ S | ident }}.due as due where due.leaf_id = p_leaf;
    return true;
end
$_keep$;

comment on function {{ S | ident }}._keep(uuid, text, text) is
'Deletes a leaf and its dated rows and keeps them under the flat key; without one, as a leaf that '
'comes back by itself. False where the leaf is gone: what is kept of it is then put under the key.';
