-- Which trigger belongs to which direction, and whether it is enabled now.
create or replace function tandem._switches(p_mapping text)
returns table (relation text, direction text, trigger_name text, enabled boolean)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_switches$
    select
        r.relation,
        case
            when r.object = 'tandem_90_log' then 'log'
            when r.relation = m.definition ->> 'flat' then 'flat_to_hierarchy'
            else 'hierarchy_to_flat'
        end,
        r.object,
        coalesce(t.tgenabled <> 'D', false)
    from tandem._mapping_of(p_mapping) as m
    cross join tandem._requirements(p_mapping) as r
    left join pg_catalog.pg_trigger as t
        on t.tgrelid = pg_catalog.to_regclass(r.relation) and t.tgname = r.object
    where r.kind = 'trigger'
$_switches$;

comment on function tandem._switches(text) is
'The triggers of a mapping: table, direction (flat_to_hierarchy, hierarchy_to_flat, log), name, '
'enabled.';
