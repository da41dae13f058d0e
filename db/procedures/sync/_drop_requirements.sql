-- Rollback with p_drop_columns: the views, our triggers and our columns of the flat table. Tables
-- and their rows stay.
create or replace function tandem._drop_requirements(p_mapping text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_drop_requirements$
declare
    v_statement text;
begin
    for v_statement in
        select r.undo
        from tandem._requirements(p_mapping) as r
        where r.kind in ('view', 'trigger', 'column') and not exists (
            select from tandem._missing(p_mapping) as x where x.ordinal = r.ordinal
        )
        order by r.ordinal desc
    loop
        execute v_statement;
    end loop;
end
$_drop_requirements$;

comment on function tandem._drop_requirements(text) is
'Drops the views, the triggers and the sync columns of a mapping.';
