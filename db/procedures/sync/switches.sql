-- Which trigger belongs to which direction, and whether it is enabled now.
create or replace function {{ S | ident }}.switches()
returns table (relation text, direction text, trigger_name text, enabled boolean)
language sql stable
security definer
set search_path = {{ m.search_path | path }}
as $switches$
    select
        r.relation,
        case
            when r.object = 'tandem_90_log' then 'log'
            when r.relation = {{ m.flat.table | relation(m.schema) | literal }} then 'flat_to_hierarchy'
            else 'hierarchy_to_flat'
        end,
        r.object,
        coalesce(t.tgenabled <> 'D', false)
    from {{ S | ident }}.requirement() as r
    left join pg_catalog.pg_trigger as t
        on t.tgrelid = pg_catalog.to_regclass(r.relation) and t.tgname = r.object
    where r.kind = 'trigger'
$switches$;

comment on function {{ S | ident }}.switches() is
'The triggers of this mapping: table, direction (flat_to_hierarchy, hierarchy_to_flat, log), name, '
'enabled.';
