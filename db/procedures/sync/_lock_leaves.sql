-- Leaves and their dated rows that are about to be taken out. Whoever refers to one of them and has
-- not committed yet is waited for, and is seen by who looks afterwards.
create or replace function tandem._lock_leaves(p_mapping text, p_leaves uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_lock_leaves$
declare
    r_part record;
begin
    for r_part in
        select l.relation, l.id as key_column from tandem._levels(p_mapping) as l where l.is_leaf
        union all
        select s.relation, s.parent from tandem._satellites(p_mapping) as s
    loop
        execute pg_catalog.format(
            'select from %s as one where one.%I = any ($1) for update',
            r_part.relation, r_part.key_column
        ) using p_leaves;
    end loop;
end
$_lock_leaves$;

comment on function tandem._lock_leaves(text, uuid[]) is
'Locks leaves and their dated rows before they are taken out.';
