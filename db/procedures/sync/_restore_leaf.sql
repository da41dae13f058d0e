-- A leaf that a new program wrote while nothing was synced, and that a rollback took out: no flat
-- row brings it back. drift shows it as hierarchy_only, as it would had it stayed.
create or replace function tandem._restore_leaf(p_mapping text, p_leaf uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_restore_leaf$
declare
    v_is_back boolean;
    v_parent uuid;
    v_content jsonb;
    v_satellites jsonb;
    r_leaf record;
begin
    select * into strict r_leaf from tandem._levels(p_mapping) as l where l.is_leaf;
    execute pg_catalog.format(
        'select k.parent, k.leaf, k.satellites from %I.kept as k
        where k.leaf_id = $1 and k.flat_key is null
        for update',
        'tandem_' || p_mapping
    ) into v_parent, v_content, v_satellites using p_leaf;
    if v_content is null then
        return true;
    end if;
    execute pg_catalog.format(
        'select %I._give_back($1, one.%I, $3, $4) from %s as one where one.%2$I = $2 for key share',
        'tandem_' || p_mapping, r_leaf.above_id, r_leaf.above_relation
    ) into v_is_back using p_leaf, v_parent, v_content, v_satellites;
    if v_is_back is not true then
        return false;
    end if;
    execute pg_catalog.format(
        'delete from %I.kept as k where k.leaf_id = $1', 'tandem_' || p_mapping
    ) using p_leaf;
    return true;
end
$_restore_leaf$;

comment on function tandem._restore_leaf(text, uuid) is
'Brings a leaf back that never had a flat row, where one is kept. False where it cannot be: its '
'parent was deleted, or another row has taken a unique key of its.';
