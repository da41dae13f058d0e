-- After a rollback that kept the hierarchy, old programs may have deleted flat rows: their leaves go
-- now, as a flat DELETE would have taken them, and are kept in the same way.
create or replace function {{ S | ident }}._drop_orphans(p_run bigint, p_rows integer)
returns tandem.step_result
language plpgsql
set search_path = {{ m.search_path | path }}
as $_drop_orphans$
declare
    v_count bigint := 0;
    r_run tandem.run;
    r_result tandem.step_result;
    r_kept record;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    if (r_run.params ->> 'dry_run')::boolean or r_run.key_from is not null or r_run.key_to is not null then
        r_result := row(false, r_run.cursor || '{"stage": "check"}'::jsonb, 0, 0, 0, 0, null, null);
        return r_result;
    end if;
    for r_kept in
        select kept.flat_key, kept.leaf_id
        from {{ S | ident }}.kept as kept
        where kept.reason = 'rollback'
        order by kept.leaf_id
        limit p_rows
    loop
        update {{ S | ident }}.kept as kept set reason = 'deleted' where kept.leaf_id = r_kept.leaf_id;
        if not exists (
            select from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.leaf.sync | column('flat') }} = r_kept.leaf_id
        ) then
            perform {{ S | ident }}._keep(r_kept.leaf_id, r_kept.flat_key, 'deleted');
        end if;
        v_count := v_count + 1;
    end loop;
    -- not counted as rows read: the run counts rows of the flat table
    r_result := row(false, r_run.cursor || case when v_count = 0
        then '{"stage": "check"}'::jsonb else '{}' end, 0, 0, 0, 0, null, null);
    return r_result;
end
$_drop_orphans$;

comment on function {{ S | ident }}._drop_orphans(bigint, integer) is
'One batch of a migration''s last stage: deletes and keeps the leaves whose flat rows went between '
'a rollback and now.';
