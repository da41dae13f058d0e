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
    v_alone boolean;
    v_parents uuid[];
    v_above uuid[];
    v_remains jsonb;
    v_id uuid;
    r_level record;
    r_kept record;
    r_new record;
    r_leaves record;
begin
    restored := 0;
    refused := 0;
    select
        r.params ->> 'on_reject' = 'stop'
        or coalesce((r.params ->> 'one_transaction')::boolean, false)
    into v_alone
    from tandem.run as r
    where r.run_id = p_run;
    for r_level in select * from tandem._levels(p_mapping) as l where not l.is_leaf
    loop
        v_above := v_parents;
        v_parents := null;
        for r_kept in execute pg_catalog.format(
            'with back as (
                delete from %1$I.kept_level as k
                where k.level = $1 and case when $2 is null
                    then k.id in (
                        select o.id from %1$I.kept_level as o
                        where o.level = $1 and not o.refused%3$s
                        limit $3
                    )
                    else k.parent = any ($2) and not k.refused end
                returning k.id, k.parent, tandem._unpack_row(k.content) as content, k.remains
            )

            select
                back.id, back.parent, back.content, back.remains,
                case when back.content ? %4$L then
                    tandem._bring_back($4, back.content || %2$s, $5, $6)
                else ''its row is gone'' end as fault
            from back',
            v_schema, case when r_level.parent is null then '''{}''' else pg_catalog.format(
                'pg_catalog.jsonb_build_object(%L, back.parent)', r_level.parent
            ) end,
            case when r_level.parent is not null then pg_catalog.format(
                ' and exists (select from %s as above where above.%I = o.parent)',
                r_level.above_relation, r_level.above_id
            ) end,
            r_level.id
        ) using r_level.name, v_above, p_rows, r_level.relation::regclass, v_path,
            p_rows = 1 or v_alone
        loop
            restored := restored + 1;
            v_parents := v_parents || r_kept.id;
            v_id := r_kept.id;
            v_remains := null;
            if r_kept.fault is not null then
                select * into r_new from tandem._unite_level(
                    p_mapping, r_level.ordinal, r_kept.id, r_kept.parent, r_kept.content
                );
                v_parents := v_parents || r_new.united;
                v_id := coalesce(r_new.united, r_kept.id);
                v_remains := r_new.remains;
            end if;
            -- what remained before is a rejected row already, and left alone: other rows are still
            -- to come, and a unique value of theirs is not its
            if coalesce(v_remains, r_kept.remains) is not null then
                execute pg_catalog.format(
                    'insert into %I.kept_level as k (level, id, parent, content, refused)
                    values ($1, $2, $3, $4, true)
                    on conflict (level, id) do update
                    set content = tandem._unpack_row(k.content) || excluded.content',
                    v_schema
                ) using r_level.name, v_id, r_kept.parent,
                    coalesce(v_remains, '{}') || coalesce(r_kept.remains, '{}');
            end if;
            if v_remains is not null then
                refused := refused + 1;
                perform tandem._refuse_kept(
                    p_mapping, p_run, 'kept_level', v_id, v_remains,
                    coalesce(r_new.fault, r_kept.fault)
                );
            end if;
        end loop;
        exit when v_parents is null and restored > 0;
    end loop;
    if restored > 0 then
        select * into r_leaves
        from tandem._restore_leaves(p_mapping, p_run, coalesce(v_parents, '{}'), null) as b;
        restored := restored - refused + r_leaves.restored;
        refused := refused + r_leaves.refused;
        return;
    end if;
    -- what is left has nothing above it: it stays here, and is not tried again by itself
    for r_kept in execute pg_catalog.format(
        'update %I.kept_level as k set refused = true
        where k.parent is not null and not k.refused
        returning k.id, k.content',
        v_schema
    )
    loop
        refused := refused + 1;
        perform tandem._refuse_kept(
            p_mapping, p_run, 'kept_level', r_kept.id, tandem._unpack_row(r_kept.content),
            'the row above it was deleted while it was away'
        );
    end loop;
end
$_restore_levels$;

comment on function tandem._restore_levels(text, bigint, integer) is
'Brings rows of the upper levels back that a rollback took out: p_rows of the highest level that '
'has such rows, and all below them. Returns how many, and how many cannot come back, or not whole; '
'0 and 0 at the end.';
