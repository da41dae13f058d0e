-- The way forward again: rows of the upper levels come back with all that was below them in one
-- transaction, so that nobody meets, and deletes, a parent without its children.
create or replace function tandem._restore_levels(p_mapping text, p_rows integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_restore_levels$
declare
    v_schema text := 'tandem_' || p_mapping;
    v_path text := tandem._path_of(p_mapping);
    v_total bigint := 0;
    v_count bigint;
    v_refused uuid[];
    v_refused_parents uuid[];
    v_contents json[];
    v_parents uuid[];
    r_level record;
begin
    for r_level in select * from tandem._levels(p_mapping) as l where not l.is_leaf
    loop
        execute pg_catalog.format(
            'with back as (
                delete from %1$I.kept_level as k
                where k.level = $1 and case when $2 is null
                    then k.id in (
                        select o.id from %1$I.kept_level as o where o.level = $1 limit $3
                    )
                    else k.parent = any ($2) end
                returning k.id, k.parent, k.content
            ),

            tried as (
                select
                    back.id, back.parent, back.content,
                    tandem._give_back($4, back.content, %2$s, $5) as is_back
                from back
            )

            select
                pg_catalog.count(*), pg_catalog.array_agg(tried.id),
                pg_catalog.array_agg(tried.id) filter (where not tried.is_back),
                pg_catalog.array_agg(tried.parent) filter (where not tried.is_back),
                pg_catalog.array_agg(tried.content) filter (where not tried.is_back)
            from tried',
            v_schema, case when r_level.parent is null then '''{}''' else pg_catalog.format(
                'pg_catalog.json_build_object(%L, back.parent)', r_level.parent
            ) end
        ) into v_count, v_parents, v_refused, v_refused_parents, v_contents
        using r_level.name, v_parents, p_rows, r_level.relation::regclass, v_path;
        v_total := v_total + v_count;
        if v_refused is not null then
            v_parents := v_parents || tandem._unite_levels(
                p_mapping, r_level.ordinal, v_refused, v_refused_parents, v_contents
            );
        end if;
        if v_parents is null and v_total > 0 then
            exit;
        end if;
    end loop;
    return v_total;
end
$_restore_levels$;

comment on function tandem._restore_levels(text, integer) is
'Brings rows of the upper levels back that a rollback took out: p_rows of the highest level that '
'has such rows, and all below them. Returns how many, 0 at the end.';
