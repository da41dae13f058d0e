-- The way forward again: rows of the upper levels come back with all that was below them in one
-- transaction, so that nobody meets, and deletes, a parent without its children.
create or replace function tandem._restore_levels(
    p_mapping text, p_run bigint, p_rows integer, out restored bigint, out refused bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $_restore_levels$
declare
    v_schema text := 'tandem_' || p_mapping;
    v_path text := tandem._path_of(p_mapping);
    v_count bigint;
    v_refused uuid[];
    v_refused_parents uuid[];
    v_contents jsonb[];
    v_parents uuid[];
    r_level record;
    r_leaves record;
    r_kept record;
begin
    restored := 0;
    refused := 0;
    for r_level in select * from tandem._levels(p_mapping) as l where not l.is_leaf
    loop
        execute pg_catalog.format(
            'with back as (
                delete from %1$I.kept_level as k
                where k.level = $1 and case when $2 is null
                    then k.id in (
                        select o.id from %1$I.kept_level as o
                        where o.level = $1%3$s limit $3
                    )
                    else k.parent = any ($2) end
                returning k.id, k.parent, tandem._unpack_row(k.content) as content
            ),

            tried as (
                select
                    back.id, back.parent, back.content,
                    tandem._insert_row($4, back.content || %2$s, $5) as is_back
                from back
            )

            select
                pg_catalog.count(*), pg_catalog.array_agg(tried.id),
                pg_catalog.array_agg(tried.id) filter (where not tried.is_back),
                pg_catalog.array_agg(tried.parent) filter (where not tried.is_back),
                pg_catalog.array_agg(tried.content) filter (where not tried.is_back)
            from tried',
            v_schema, case when r_level.parent is null then '''{}''' else pg_catalog.format(
                'pg_catalog.jsonb_build_object(%L, back.parent)', r_level.parent
            ) end,
            case when r_level.parent is not null then pg_catalog.format(
                ' and exists (select from %s as above where above.%I = o.parent)',
                r_level.above_relation, r_level.above_id
            ) end
        ) into v_count, v_parents, v_refused, v_refused_parents, v_contents
        using r_level.name, v_parents, p_rows, r_level.relation::regclass, v_path;
        restored := restored + v_count;
        if v_refused is not null then
            v_parents := v_parents || tandem._unite_levels(
                p_mapping, r_level.ordinal, v_refused, v_refused_parents, v_contents
            );
        end if;
        if v_parents is null and restored > 0 then
            exit;
        end if;
    end loop;
    if restored > 0 then
        select * into r_leaves
        from tandem._restore_leaves(p_mapping, p_run, coalesce(v_parents, '{}'), null) as b;
        restored := restored + r_leaves.restored;
        refused := r_leaves.refused;
        return;
    end if;
    -- what is left has nothing above it: it stays here, and is not tried again
    for r_kept in execute pg_catalog.format(
        'update %I.kept_level as k set parent = null where k.parent is not null
        returning k.id, k.content',
        v_schema
    )
    loop
        refused := refused + 1;
        perform tandem._refuse_kept(
            p_mapping, p_run, 'kept_level', r_kept.id, tandem._unpack_row(r_kept.content)
        );
    end loop;
end
$_restore_levels$;

comment on function tandem._restore_levels(text, bigint, integer) is
'Brings rows of the upper levels back that a rollback took out: p_rows of the highest level that '
'has such rows, and all below them. Returns how many, and how many cannot come back; 0 and 0 at '
'the end.';
