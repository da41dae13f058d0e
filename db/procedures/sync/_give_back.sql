-- The leaf first, with the mapped values that it has now. Where it cannot come back whole, or a program
-- has made it again meanwhile, the row that there is gets what it lacks. What remains is kept. Where
-- the leaf was taken out a run leaves alone what remained before: other rows are still to come, and it is not to
-- take a unique value of theirs.
create or replace function {{ S | ident }}._give_back(
    p_kept {{ S | ident }}.kept, p_leaf uuid, p_parent uuid, p_mapped jsonb, p_run bigint, p_careful boolean
)
returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
as $_give_back$
#variable_conflict use_variable
declare
    v_table constant regclass := {{ m.leaf.table | relation(m.schema) | literal }};
    v_path text := pg_catalog.current_setting('search_path');
    v_content jsonb;
    v_now jsonb := p_mapped || pg_catalog.jsonb_build_object({{ m.leaf.id | literal }}, p_leaf, {{ m.leaf.parent | literal }}, p_parent);
    -- a run tries the row alone where it fails; a client's statement is not to fail for what is kept
    v_careful boolean := p_careful or p_run is null and (tandem._has_own_triggers({{ m.name | literal }}) or exists (
        select from pg_catalog.pg_constraint as c
        where c.conrelid in (v_table{% for satellite in m.satellites %}, {{ satellite.table | relation(m.schema) | literal }}::regclass{% endfor %}) and c.contype in ('c', 'f', 'x')
            and c.confrelid not in (v_table, {{ m.bottom.table | relation(m.schema) | literal }}::regclass)
    ));
    v_fault text;
    v_faults text[];
    v_is_ours boolean := false;
    v_remains jsonb;
    v_dated jsonb := '{}';
    r_dated record;
begin
    if p_kept.remains is not null and (p_run is null or p_kept.leaf is null) then
        p_kept.leaf := tandem._merge_rows(coalesce(p_kept.leaf, '{}'), p_kept.remains -> 'leaf');
        p_kept.satellites := tandem._join_dated(p_kept.satellites, p_kept.remains -> 'satellites');
        p_kept.remains := null;
    end if;
    v_content := tandem._unpack_row(p_kept.leaf);
    if not exists (select from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }} where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf) then
        v_fault := tandem._bring_back(v_table, v_content || v_now, v_path, v_careful);
        if v_fault is null then
            v_content := '{}';
        elsif p_kept.flat_key is not null then
            v_is_ours := tandem._bring_back(v_table, v_now, v_path, v_careful) is null;
        end if;
    end if;
    if v_content = '{}' then
        null;
    elsif exists (select from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }} where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf) then
        select f.remains, f.fault into v_remains, v_fault
        from tandem._fill({{ m.name | literal }}, {{ m.leaf.name | literal }}, p_leaf, v_content, v_is_ours) as f;
    else
        v_remains := v_content;
    end if;
    v_faults := array[v_fault];
{% for satellite in m.satellites %}
    for r_dated in
        select k.content, tandem._bring_back({{ satellite.table | relation(m.schema) | literal }}::regclass, tandem._unpack_row(k.content), v_path, v_careful) as fault
        from pg_catalog.jsonb_array_elements(p_kept.satellites -> {{ satellite.name | literal }}) as k (content)
    loop
        if r_dated.fault is not null and not exists (
            select from {{ satellite.table | relation(m.schema) }} as s
            where {{ satellite.id | column('s') }}::text = tandem._unpack_row(r_dated.content) ->> {{ satellite.id | literal }}
        ) then
            v_faults := v_faults || r_dated.fault;
            v_dated := pg_catalog.jsonb_set(v_dated, array[{{ satellite.name | literal }}],
                coalesce(v_dated -> {{ satellite.name | literal }}, '[]') || pg_catalog.jsonb_build_array(r_dated.content));
        end if;
    end loop;
    insert into {{ S | ident }}.due (satellite, leaf_id, effective)
    select {{ satellite.name | literal }}, p_leaf, {{ satellite.effective | column('s') }}
    from {{ satellite.table | relation(m.schema) }} as s
    where {{ satellite.parent | column('s') }} = p_leaf and {{ satellite.effective | column('s') }} > pg_catalog.clock_timestamp()
    on conflict do nothing;
{% endfor %}
    if v_remains is null and v_dated = '{}' and p_kept.remains is null then
        perform tandem._resolve({{ m.name | literal }}, p_leaf::text, 'came back', 'hierarchy');
        return true;
    end if;
    insert into {{ S | ident }}.kept (flat_key, leaf_id, parent, reason, remains)
    values (p_kept.flat_key, p_leaf, p_kept.parent, 'refused', pg_catalog.jsonb_build_object(
        'leaf', coalesce(v_remains, '{}') || coalesce(p_kept.remains -> 'leaf', '{}'),
        'satellites', tandem._join_dated(v_dated, p_kept.remains -> 'satellites')
    ));
    if v_remains is null and v_dated = '{}' then
        return true;  -- that it could not come back before is a rejected row already
    end if;
    perform tandem._refuse_kept({{ m.name | literal }}, p_run, 'kept', p_leaf, v_remains, pg_catalog.array_to_string(v_faults, '; '));
    return false;
end
$_give_back$;

comment on function {{ S | ident }}._give_back({{ S | ident }}.kept, uuid, uuid, jsonb, bigint, boolean) is
'Brings a kept leaf, which the caller has taken out of kept, back under a parent, with its dated rows. '
'p_mapped: its mapped values now. False where something cannot come back: that is kept, and a rejected row.';
