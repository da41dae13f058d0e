-- Rollback with p_drop_columns: the view, our triggers, indexes and columns of the flat table. Tables
-- and their rows stay.
create or replace function {{ S | ident }}._drop_requirements() returns void
language plpgsql
set search_path = {{ m.search_path | path }}
as $_drop_requirements$
declare
    v_statement text;
begin
    for v_statement in
        select r.undo
        from {{ S | ident }}.requirement() as r
        where r.kind in ('view', 'trigger', 'column') and not exists (
            select from tandem._missing({{ m.name | literal }}) as x where x.ordinal = r.ordinal
        )
        order by r.ordinal desc
    loop
        execute v_statement;
    end loop;
end
$_drop_requirements$;

comment on function {{ S | ident }}._drop_requirements() is
'Drops the view, the triggers and the sync columns of this mapping.';
