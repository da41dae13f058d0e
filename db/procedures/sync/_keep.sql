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
    v_leaf json;
{% for satellite in m.satellites %}
    v_rows_{{ loop.index | literal }} json;  -- {{ satellite.name | ident }}
{% endfor %}
begin
    -- locked before it is read, or deleted and read by one statement: what a concurrent writer has just
    -- committed is kept as well
    select pg_catalog.to_json({{ m.leaf.name | ident }}.*) into v_leaf
    from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
    for update;
    if not found then
        return false;
    end if;
{% for satellite in m.satellites %}
    with gone as (
        delete from {{ satellite.table | relation(m.schema) }} as s where {{ satellite.parent | column('s') }} = p_leaf
        returning s.*
    )
    select coalesce(pg_catalog.json_agg(pg_catalog.to_json(gone.*)), '[]') into v_rows_{{ loop.index | literal }}
    from gone;
{% endfor %}
    insert into {{ S | ident }}.kept (flat_key, leaf_id, leaf, satellites, reason)
    values (p_key, p_leaf, v_leaf, pg_catalog.json_build_object({% for satellite in m.satellites %}{{ satellite.name | literal }}, v_rows_{{ loop.index | literal }}{{ ', ' if not loop.last }}{% endfor %}), p_reason)
    on conflict (leaf_id) do update
    set flat_key = excluded.flat_key, leaf = excluded.leaf, satellites = excluded.satellites,
        reason = excluded.reason, kept_at = excluded.kept_at;
    delete from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf;
    if not found then
        perform tandem._suppressed({{ m.name | literal }}, {{ m.leaf.table | literal }}, p_leaf::text);
    end if;
    delete from {{ S | ident }}.due as due where due.leaf_id = p_leaf;
    return true;
end
$_keep$;

comment on function {{ S | ident }}._keep(uuid, text, text) is
'Deletes a leaf and its dated rows and keeps them as jsonb under the flat key.';
