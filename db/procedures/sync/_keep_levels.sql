-- Rollback with p_hierarchy remove: takes the upper levels out, bottom up, and keeps their rows.
create or replace function {{ S | ident }}._keep_levels(p_rows integer) returns bigint
language plpgsql
set search_path = {{ m.search_path | path }}
as $_keep_levels$
declare
    v_count bigint;
begin
    -- leaves that have no flat row are kept under their own id
    select pg_catalog.count({{ S | ident }}._keep(k.leaf_id, 'leaf ' || k.leaf_id, 'deleted')) into v_count
    from (
        select {{ m.leaf.id | column(m.leaf.name) }} as leaf_id from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }} limit p_rows
    ) as k;
    if v_count > 0 then
        return v_count;
    end if;
{% for level in m.levels | reverse %}
    with gone as (
        delete from {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
        where {{ level.id | column(level.name) }} in (
            select {{ level.id | column('one') }} from {{ level.table | relation(m.schema) }} as one limit p_rows
        )
        returning {{ level.id | column(level.name) }} as id, pg_catalog.to_jsonb({{ level.name | ident }}.*) as content
    )

    insert into {{ S | ident }}.kept_level (level, id, content)
    select {{ level.name | literal }}, gone.id, gone.content from gone
    on conflict (level, id) do update set content = excluded.content;
    get diagnostics v_count = row_count;
    if v_count > 0 then
        return v_count;
    end if;
{% endfor %}
    return 0;
end
$_keep_levels$;

comment on function {{ S | ident }}._keep_levels(integer) is
'Moves rows of the hierarchy to kept and kept_level, bottom up; returns how many, 0 at the end.';

-- The way forward again: the upper levels come back, top down.
create or replace function {{ S | ident }}._restore_levels(p_rows integer) returns bigint
language plpgsql
set search_path = {{ m.search_path | path }}
as $_restore_levels$
declare
    v_count bigint;
begin
{% for level in m.levels %}
    with back as (
        delete from {{ S | ident }}.kept_level as k
        where k.level = {{ level.name | literal }} and k.id in (
            select o.id from {{ S | ident }}.kept_level as o where o.level = {{ level.name | literal }} limit p_rows
        )
        returning k.content
    )

    select pg_catalog.count(tandem._put_back({{ level.table | relation(m.schema) | literal }}::regclass, back.content)) into v_count
    from back;
    if v_count > 0 then
        return v_count;
    end if;
{% endfor %}
    return 0;
end
$_restore_levels$;

comment on function {{ S | ident }}._restore_levels(integer) is
'Brings rows of the upper levels back that a rollback took out; returns how many, 0 at the end.';
