create or replace function tandem._switch_all(
    p_mapping text, p_direction text, p_enabled boolean
) returns void
language sql
set search_path = pg_catalog, pg_temp
as $_switch_all$
    select tandem._switch(p_mapping, t.relation, p_direction, p_enabled)
    from (
        select distinct s.relation from tandem._switches(p_mapping) as s
        where s.direction = p_direction
        order by s.relation
    ) as t
$_switch_all$;

comment on function tandem._switch_all(text, text, boolean) is
'Enables or disables the triggers of one direction (or the log) on all tables of a mapping.';
