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
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_schema text := 'tandem_' || p_mapping;
    v_count bigint;
    v_ids uuid[];
    r_child record;
    r_level record;
begin
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    for r_level in select * from tandem._levels(p_mapping) as l order by l.ordinal desc
    loop
        if r_level.is_leaf then
            execute pg_catalog.format(
                'select pg_catalog.array_agg(b.id) from (
                    select one.%1$I as id from %2$s as one limit $1
                ) as b',
                r_level.id, r_level.relation
            ) into v_ids using p_rows;
            perform tandem._lock_leaves(p_mapping, v_ids);
            perform tandem._refuse_removal(p_mapping);
            -- An earlier note holds where its flat row waits for this leaf; else that row is gone,
            -- or the key is another's by now. Without a note, or where a program has made a
            -- deleted leaf again: it never had a flat row, and comes back by itself.
            execute pg_catalog.format(
                'select pg_catalog.count(%1$I._keep(
                    n.leaf_id, n.flat_key,
                    case when n.is_awaited or n.flat_key is null then ''rollback''
                        else ''deleted'' end
                ))
                from (
                    select
                        one.%2$I as leaf_id, kept.flat_key,
                        exists (
                            select from %4$s as flat
                            where flat.%5$I = kept.flat_key::%6$s
                                and coalesce(flat.%7$I, one.%2$I) = one.%2$I
                        ) as is_awaited
                    from %3$s as one
                    left join %1$I.kept as kept on kept.leaf_id = one.%2$I
                        and kept.flat_key is not null
                        and (kept.leaf is null or kept.reason <> ''deleted'')
                    where one.%2$I = any ($1)
                ) as n',
                v_schema, r_level.id, r_level.relation, v_definition ->> 'flat',
                v_definition ->> 'key', v_definition ->> 'key_type', r_level.sync
            ) into v_count using v_ids;
        else
            -- Locked first, and looked at again: a child that was not committed yet is waited for,
            -- and taken out by the next batch.
            execute pg_catalog.format(
                'select pg_catalog.array_agg(b.id) from (
                    select one.%1$I as id from %2$s as one limit $1 for update
                ) as b',
                r_level.id, r_level.relation
            ) into v_ids using p_rows;
            perform tandem._refuse_removal(p_mapping);
            execute pg_catalog.format(
                'with gone as (
                    delete from %1$s as one
                    where one.%2$I = any ($1) and not exists (
                        select from %6$s as child where child.%7$I = one.%2$I
                    )
                    returning
                        one.%2$I as id, %5$s as parent,
                        tandem._pack_row(%1$L::regclass, one.*) as content
                )

                insert into %3$I.kept_level as k (level, id, parent, content)
                select %4$L, gone.id, gone.parent, gone.content from gone
                on conflict (level, id) do update
                set parent = excluded.parent, refused = false,
                    content = tandem._merge_rows(
                        excluded.content, case when not k.refused then k.content end
                    ),
                    remains = case when k.refused then tandem._unpack_row(k.content)
                        else k.remains end',
                r_level.relation, r_level.id, v_schema, r_level.name,
                coalesce('one.' || pg_catalog.quote_ident(r_level.parent), 'null::uuid'),
                r_child.relation, r_child.parent
            ) using v_ids;
            v_count := coalesce(pg_catalog.cardinality(v_ids), 0);
        end if;
        exit when v_count > 0;
        r_child := r_level;
    end loop;
    return v_count;
end
$_keep_levels$;

comment on function tandem._keep_levels(text, integer) is
'Moves rows of the hierarchy to kept and kept_level, bottom up; returns how many, 0 at the end.';
