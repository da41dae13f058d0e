-- The columns and types of all tables of a mapping, as the catalog has them.
create or replace function tandem._shape(p_mapping text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_shape$
    select pg_catalog.jsonb_object_agg(t.relation, t.columns)
    from (
        select r.relation, (
            select pg_catalog.jsonb_object_agg(
                a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
            )
            from pg_catalog.pg_attribute as a
            where a.attrelid = pg_catalog.to_regclass(r.relation) and a.attnum > 0
                and not a.attisdropped
        ) as columns
        from (
            select distinct q.relation from tandem._requirements(p_mapping) as q
            where q.kind <> 'view'
        ) as r
    ) as t
$_shape$;

comment on function tandem._shape(text) is
'The columns and types of a mapping''s tables, for comparing with what prepare saw.';
