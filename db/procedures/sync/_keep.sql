-- Deletes a leaf with its dated rows, after keeping what the flat table cannot hold.
create or replace function {{ S | ident }}._keep(p_leaf uuid, p_key text, p_reason text) returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
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
    -- a program made the leaf again while its content waited
    perform tandem._give_back({{ m.name | literal }}, p_leaf, null, kept.leaf, kept.satellites)
    from {{ S | ident }}.kept as kept
    where kept.leaf_id = p_leaf and kept.leaf is not null and kept.reason <> 'deleted';
{% for satellite in m.satellites %}
    with gone as (
        delete from {{ satellite.table | relation(m.schema) }} as s where {{ satellite.parent | column('s') }} = p_leaf
        returning tandem._row_to_text(s.*) as content
    )
    select coalesce(pg_catalog.jsonb_agg(gone.content), '[]') into v_rows_{{ loop.index | literal }}
    from gone;
{% endfor %}
    delete from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
    returning tandem._row_to_text({{ m.leaf.name | ident }}.*), {{ m.leaf.parent | column(m.leaf.name) }} into v_leaf, v_parent;
    if not found then
        perform tandem._suppressed({{ m.name | literal }}, {{ m.leaf.table | literal }}, p_leaf::text);
    end if;
    insert into {{ S | ident }}.kept (flat_key, leaf_id, leaf, parent, satellites, reason)
    values (
        p_key, p_leaf, v_leaf, case when p_key is null then v_parent end,
        pg_catalog.jsonb_build_object({% for satellite in m.satellites %}{{ satellite.name | literal }}, v_rows_{{ loop.index | literal }}{{ ', ' if not loop.last }}{% endfor %}), p_reason
    )
    on conflict (leaf_id) do update
    set flat_key = excluded.flat_key, leaf = excluded.leaf, parent = excluded.parent, satellites = excluded.satellites,
        reason = excluded.reason, kept_at = excluded.kept_at;
    delete from {{ S | ident }}.due as due where due.leaf_id = p_leaf;
    return true;
end
$_keep$;

comment on function {{ S | ident }}._keep(uuid, text, text) is
'Deletes a leaf and its dated rows and keeps them under the flat key; without one, as a leaf that '
'comes back by itself. False where the leaf is gone: what is kept of it is then put under the key.';
