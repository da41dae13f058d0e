-- The feature switches. ALTER TABLE waits until older writers of the table have ended, which a
-- settings row would not. All triggers of a direction on a table change in one transaction.
create or replace function {{ S | ident }}.switch(p_relation text, p_direction text, p_enabled boolean)
returns void
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as $switch$
declare
    v_statement text := {{ S | ident }}.switch_statement(p_relation, p_direction, p_enabled);
begin
    if v_statement is not null then
        execute v_statement;
    end if;
end
$switch$;

create or replace function {{ S | ident }}.switch_statement(
    p_relation text, p_direction text, p_enabled boolean
) returns text
language sql stable
security definer
set search_path = {{ m.search_path | path }}
as $switch_statement$
    select 'alter table ' || p_relation || pg_catalog.string_agg(pg_catalog.format(
        ' %s trigger %I', case when p_enabled then 'enable' else 'disable' end, t.trigger_name
    ), ',' order by t.trigger_name)
    from {{ S | ident }}.switches() as t
    where t.relation = p_relation and t.direction = p_direction
$switch_statement$;

comment on function {{ S | ident }}.switch_statement(text, text, boolean) is
'The ALTER TABLE that switches one direction (or the log) on one table.';

create or replace function {{ S | ident }}.switch_all(p_direction text, p_enabled boolean) returns void
language sql
security definer
set search_path = {{ m.search_path | path }}
as $switch_all$
    select {{ S | ident }}.switch(t.relation, p_direction, p_enabled)
    from (
        select distinct s.relation from {{ S | ident }}.switches() as s
        where s.direction = p_direction
        order by s.relation
    ) as t
$switch_all$;

comment on function {{ S | ident }}.switch_all(text, boolean) is
'Enables or disables the triggers of one direction (or the log) on all tables.';

comment on function {{ S | ident }}.switch(text, text, boolean) is
'Enables or disables the triggers of one direction (or the log) on one table.';
