-- The new path looks at them after a batch, and so finds the row; here they are asked after each.
create or replace function tandem._deferred_constraints(p_mapping text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $_deferred_constraints$
    select pg_catalog.string_agg(distinct pg_catalog.format('%I.%I', n.nspname, c.conname), ', ')
    from pg_catalog.jsonb_object_keys(
        (tandem._mapping_of(p_mapping)).definition -> 'tables'
    ) as t (relation)
    join pg_catalog.pg_constraint as c on c.conrelid = pg_catalog.to_regclass(t.relation)
    join pg_catalog.pg_namespace as n on n.oid = c.connamespace
    where c.condeferred
$_deferred_constraints$;

comment on function tandem._deferred_constraints(text) is
'The constraints of a mapping''s tables that wait for the end of a transaction, as SET CONSTRAINTS '
'takes them; NULL for none.';
