-- Rollback with p_hierarchy remove: takes leaves without a flat row and the upper levels out,
-- bottom up, and keeps their rows. One table a batch.
create or replace function tandem._keep_levels(p_mapping text, p_rows integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set enable_bitmapscan = off
set jit = off
as $_keep_levels$
declare
    v_schema text := 'tandem_' || p_mapping;
    v_count bigint;
    r_level record;
begin
    perform pg_catalog.set_config('search_path', tandem._path_of(p_mapping), true);
    for r_level in select * from tandem._levels(p_mapping) as l order by l.ordinal desc
    loop
        if r_level.is_leaf then
            -- those that have no flat row are kept under their own id, or as an earlier rollback
            -- noted them
            execute pg_catalog.format(
                'select pg_catalog.count(%1$I._keep(
                    n.leaf_id, coalesce(n.flat_key, ''leaf '' || n.leaf_id),
                    coalesce(n.reason, ''deleted'')
                ))
                from (
                    select one.%2$I as leaf_id, kept.flat_key, kept.reason
                    from %3$s as one
                    left join %1$I.kept as kept on kept.leaf_id = one.%2$I
                    limit $1
                ) as n',
                v_schema, r_level.id, r_level.relation
            ) into v_count using p_rows;
        else
            execute pg_catalog.format(
                'with gone as (
                    delete from %1$s as one
                    where one.%2$I in (select other.%2$I from %1$s as other limit $1)
                    returning one.%2$I as id, pg_catalog.to_jsonb(one.*) as content
                )

                insert into %3$I.kept_level (level, id, content)
                select %4$L, gone.id, gone.content from gone
                on conflict (level, id) do update set content = excluded.content',
                r_level.relation, r_level.id, v_schema, r_level.name
            ) using p_rows;
            get diagnostics v_count = row_count;
        end if;
        exit when v_count > 0;
    end loop;
    return v_count;
end
$_keep_levels$;

comment on function tandem._keep_levels(text, integer) is
'Moves rows of the hierarchy to kept and kept_level, bottom up; returns how many, 0 at the end.';
