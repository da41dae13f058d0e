-- ALTER TABLE waits until older writers of the table have ended, which a settings row would not.
-- All triggers of a direction on a table change in one transaction.
create or replace function tandem._switch_statement(
    p_mapping text, p_relation text, p_direction text, p_enabled boolean
) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $_switch_statement$
    select 'alter table ' || p_relation || pg_catalog.string_agg(pg_catalog.format(
        ' %s trigger %I', case when p_enabled then 'enable' else 'disable' end, t.trigger_name
    ), ',' order by t.trigger_name)
    from tandem._switches(p_mapping) as t
    where t.relation = p_relation and t.direction = p_direction
$_switch_statement$;

comment on function tandem._switch_statement(text, text, text, boolean) is
'The ALTER TABLE that switches one direction (or the log) on one table of a mapping, or NULL.';
