-- The leaf first; where a program has made it again meanwhile, its row stays and is filled.
create or replace function {{ S | ident }}._give_back(p_leaf uuid, p_parent uuid, p_content jsonb, p_satellites jsonb)
returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
as $_give_back$
#variable_conflict use_variable
declare
    v_content jsonb := tandem._unpack_row(p_content);
    v_path text := pg_catalog.current_setting('search_path');
begin
    for v_try in 1 .. 2 loop
        perform from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf;
        if found then
            perform tandem._fill({{ m.name | literal }}, {{ m.leaf.name | literal }}, array[p_leaf], array[v_content]);
            exit;
        end if;
        exit when tandem._insert_row(
            {{ m.leaf.table | relation(m.schema) | literal }}::regclass,
            v_content || pg_catalog.jsonb_build_object({{ m.leaf.id | literal }}, p_leaf, {{ m.leaf.parent | literal }}, p_parent), v_path
        );
        if v_try = 2 then
            return false;
        end if;
    end loop;
{% for satellite in m.satellites %}
    perform tandem._insert_row({{ satellite.table | relation(m.schema) | literal }}::regclass, tandem._unpack_row(k.content), v_path)
    from pg_catalog.jsonb_array_elements(p_satellites -> {{ satellite.name | literal }}) as k (content);
    insert into {{ S | ident }}.due (satellite, leaf_id, effective)
    select {{ satellite.name | literal }}, p_leaf, {{ satellite.effective | column('s') }}
    from {{ satellite.table | relation(m.schema) }} as s
    where {{ satellite.parent | column('s') }} = p_leaf and {{ satellite.effective | column('s') }} > pg_catalog.clock_timestamp()
    on conflict do nothing;
{% endfor %}
    return true;
end
$_give_back$;

comment on function {{ S | ident }}._give_back(uuid, uuid, jsonb, jsonb) is
'Brings a kept leaf back under a parent, with its dated rows; false where another row has taken a unique key of its.';
