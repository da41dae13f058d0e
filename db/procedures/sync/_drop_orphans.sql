-- After a rollback that kept the hierarchy, old programs may have deleted flat rows: their leaves
-- go now, as a flat DELETE would have taken them, and are kept in the same way.
create or replace function tandem._drop_orphans(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
)
returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_drop_orphans$
declare
    v_schema text := 'tandem_' || p_mapping;
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_link text := (select l.sync from tandem._levels(p_mapping) as l where l.is_leaf);
    v_leaves uuid[];
    r_run tandem.run;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    if not coalesce((r_run.params ->> 'dry_run')::boolean, false)
        and r_run.key_from is null and r_run.key_to is null then
        perform pg_catalog.set_config('search_path', tandem._path_of(p_mapping), true);
        execute pg_catalog.format(
            'with noted as (
                update %1$I.kept as k set reason = ''deleted''
                where k.leaf_id in (
                    select o.leaf_id from %1$I.kept as o
                    where o.reason = ''rollback'' and o.flat_key is not null
                    order by o.leaf_id limit $1
                )
                returning k.leaf_id
            )

            select pg_catalog.array_agg(n.leaf_id) from noted as n',
            v_schema
        ) into v_leaves using p_rows;
    end if;
    if v_leaves is not null and p_failure is not null then
        perform tandem._reject(
            p_mapping, 'hierarchy', v_leaves[1]::text, '{}', p_failure ->> 'sqlstate',
            p_failure ->> 'message', 'Its flat row was deleted while nothing was synced. Delete it '
            'as well; CALL tandem.retry_rejected gives it a flat row again.', p_run
        );
    elsif v_leaves is not null then
        execute pg_catalog.format(
            'select pg_catalog.count(%1$I._keep(g.leaf_id, g.flat_key, ''deleted''))
            from (
                select k.leaf_id, k.flat_key from %1$I.kept as k
                where k.leaf_id = any ($1) and not exists (
                    select from %2$s as flat
                    where flat.%3$I = k.leaf_id
                        or flat.%4$I = k.flat_key::%5$s and flat.%3$I is null
                )
                order by k.leaf_id
            ) as g',
            v_schema, v_definition ->> 'flat', v_link, v_definition ->> 'key',
            v_definition ->> 'key_type'
        ) using v_leaves;
    end if;
    -- not counted as rows read, but where one is kept back: the run counts rows of the flat table
    r_result := row(false, r_run.cursor || case when v_leaves is null
        then '{"stage": "check"}'::jsonb else '{}' end, 0, 0, 0, 0, null, null);
    if p_failure is not null then
        r_result.read_rows := 1;
        r_result.rejected_rows := 1;
    end if;
    return r_result;
end
$_drop_orphans$;

comment on function tandem._drop_orphans(text, bigint, integer, jsonb) is
'One batch of a migration''s last stage: deletes and keeps the leaves whose flat rows went between '
'a rollback and now.';
