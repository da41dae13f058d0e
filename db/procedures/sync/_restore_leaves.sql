create or replace function tandem._restore_leaves(
    p_mapping text, p_run bigint, p_parents uuid[], p_rows integer,
    out restored bigint, out refused bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $_restore_leaves$
declare
    v_leaf uuid;
begin
    restored := 0;
    refused := 0;
    for v_leaf in execute pg_catalog.format(
        'select k.leaf_id from %I.kept as k
        where k.flat_key is null and k.reason = ''rollback''
            and ($1 is null or k.parent = any ($1))
        order by k.leaf_id
        limit $2',
        'tandem_' || p_mapping
    ) using p_parents, p_rows
    loop
        if tandem._restore_leaf(p_mapping, p_run, v_leaf) then
            restored := restored + 1;
        else
            refused := refused + 1;
        end if;
    end loop;
end
$_restore_leaves$;

comment on function tandem._restore_leaves(text, bigint, uuid[], integer) is
'Brings leaves back that never had a flat row: those of p_parents, or all, at most p_rows '
'(NULL: all). Returns how many came back, and how many could not.';
