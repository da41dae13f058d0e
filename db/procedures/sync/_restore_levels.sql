-- The way forward again: the upper levels come back, top down. One table a batch.
create or replace function tandem._restore_levels(p_mapping text, p_rows integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_restore_levels$
declare
    v_count bigint;
    v_refused jsonb;
    r_level record;
begin
    for r_level in select * from tandem._levels(p_mapping) as l where not l.is_leaf
    loop
        execute pg_catalog.format(
            'with back as (
                delete from %1$I.kept_level as k
                where k.level = $1 and k.id in (
                    select o.id from %1$I.kept_level as o where o.level = $1 limit $2
                )
                returning k.content
            ),

            tried as (
                select back.content, tandem._put_back($3, back.content, $4) as is_back from back
            )

            select
                pg_catalog.count(*),
                pg_catalog.jsonb_agg(tried.content) filter (where not tried.is_back)
            from tried',
            'tandem_' || p_mapping
        ) into v_count, v_refused using r_level.name, p_rows, r_level.relation::regclass,
            tandem._path_of(p_mapping);
        if v_refused is not null then
            perform tandem._unite_levels(p_mapping, r_level.ordinal, v_refused);
        end if;
        exit when v_count > 0;
    end loop;
    return v_count;
end
$_restore_levels$;

comment on function tandem._restore_levels(text, integer) is
'Brings rows of the upper levels back that a rollback took out; returns how many, 0 at the end.';
