-- Leaves that a new program wrote while nothing was synced, and that a rollback took out: no flat
-- row brings them back. drift shows them as hierarchy_only, as it would had they stayed.
create or replace function tandem._restore_leaves(p_mapping text, p_rows integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_restore_leaves$
declare
    v_schema text := 'tandem_' || p_mapping;
    v_path text := tandem._path_of(p_mapping);
    v_count bigint := 0;
    r_leaf record;
    r_kept record;
    r_satellite record;
begin
    select * into strict r_leaf from tandem._levels(p_mapping) as l where l.is_leaf;
    for r_kept in execute pg_catalog.format(
        'delete from %1$I.kept as k
        where k.leaf_id in (
            select o.leaf_id from %1$I.kept as o where o.parent is not null limit $1
        )
        returning k.*',
        v_schema
    ) using p_rows
    loop
        v_count := v_count + 1;
        if not tandem._give_back(
            r_leaf.relation, r_kept.leaf,
            pg_catalog.json_build_object(r_leaf.parent, r_kept.parent), v_path
        ) then
            perform tandem._cannot_place(p_mapping, r_leaf.relation);
        end if;
        for r_satellite in select * from tandem._satellites(p_mapping) as s
        loop
            perform tandem._give_back(r_satellite.relation, k.content, '{}', v_path)
            from pg_catalog.json_array_elements(r_kept.satellites -> r_satellite.name)
                as k (content);
        end loop;
    end loop;
    return v_count;
end
$_restore_leaves$;

comment on function tandem._restore_leaves(text, integer) is
'Brings leaves back that never had a flat row; returns how many, 0 at the end.';
