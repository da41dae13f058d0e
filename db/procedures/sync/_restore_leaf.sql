-- A leaf that a new program wrote while nothing was synced, and that a rollback took out: no flat
-- row brings it back. drift shows it as hierarchy_only, as it would had it stayed. Or what remained
-- in kept of any leaf.
create or replace function tandem._restore_leaf(p_mapping text, p_run bigint, p_leaf uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_restore_leaf$
declare
    v_is_back boolean;
begin
    execute pg_catalog.format(
        'with gone as (
            delete from %1$I.kept as k
            where k.leaf_id = $1 and coalesce(k.leaf, k.remains) is not null
                and (k.reason = ''refused'' or k.reason = ''rollback'' and k.flat_key is null)
            returning k.*
        )

        select %1$I._give_back(
            gone.*::%1$I.kept, gone.leaf_id, gone.parent, ''{}'', $2, true
        )
        from gone',
        'tandem_' || p_mapping
    ) into v_is_back using p_leaf, p_run;
    return coalesce(v_is_back, true);
end
$_restore_leaf$;

comment on function tandem._restore_leaf(text, bigint, uuid) is
'Brings a leaf back that never had a flat row, or what could not come back before, where such is '
'kept. False where it still cannot.';
