-- The hierarchy's side first: the flat side's triggers make leaves, and what a new program writes
-- to one is to reach its row.
create or replace function tandem._switches_due(p_mapping text)
returns table (relation text, direction text, wished boolean)
language sql stable
set search_path = pg_catalog, pg_temp
as $_switches_due$
    select distinct s.relation, s.direction, w.wished
    from tandem._mapping_of(p_mapping) as m
    cross join lateral (
        values ('flat_to_hierarchy', m.flat_to_hierarchy),
            ('hierarchy_to_flat', m.hierarchy_to_flat)
    ) as w (direction, wished)
    join tandem._switches(p_mapping) as s on s.direction = w.direction and s.enabled <> w.wished
    order by s.direction desc, s.relation
$_switches_due$;

comment on function tandem._switches_due(text) is
'The tables whose triggers are not yet on or off as tandem.mapping wishes, in the order in which '
'a migration switches them.';
