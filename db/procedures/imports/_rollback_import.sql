-- The indexes are left to DROP INDEX CONCURRENTLY, which no procedure can do; without the phase no
-- import uses them.
create or replace function tandem._rollback_import(p_mapping text) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_rollback_import$
declare
    v_view text;
    v_left text;
    r_result tandem.step_result;
begin
    perform tandem._require_old_importer(p_mapping);
    for v_view in
        select q.relation from tandem._requirements(p_mapping) as q
        where q.kind = 'view' and pg_catalog.to_regclass(q.relation) is not null
            -- they show the imports of all mappings of their schema
            and not exists (
                select
                from tandem._mapping_of(p_mapping) as m
                join tandem.mapping as o on o.schema_name = m.schema_name
                where o.area = 'imports' and o.name <> m.name and o.phase <> 'deployed'
            )
    loop
        execute pg_catalog.format('drop view %s', v_view);
    end loop;
    perform tandem._set_phase(p_mapping, 'deployed');
    select pg_catalog.string_agg(p.statement || ';', ' ' order by p.step) into v_left
    from tandem._plan_import(p_mapping) as p
    where p.verb = 'rollback' and p.run_by = 'tool';
    r_result := row(
        true, '{}', 0, 0, 0, 0, null,
        coalesce('left to do, each by itself: ' || v_left, 'its indexes are gone')
    );
    return r_result;
end
$_rollback_import$;

comment on function tandem._rollback_import(text) is
'Takes a mapping of an import back to what it was before prepare, but for tables, rows and '
'indexes.';
