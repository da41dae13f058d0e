-- What the catalog and the rows say about the tables of an import. A blocker stops prepare.
create or replace function tandem._analyze_import(p_mapping text)
returns table (
    severity text, finding text, subject text, occurrences bigint, sample text, cure text
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_analyze_import$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
begin
    if pg_catalog.getdatabaseencoding() <> 'UTF8' then
        return query
        select
            'blocker', 'names are compared in Unicode''s normal form, which needs UTF8',
            pg_catalog.current_database()::text, 1::bigint,
            pg_catalog.getdatabaseencoding()::text,
            'Move the database to UTF8 (pg_dump, createdb -E UTF8), or match all names exactly.';
    end if;
    return query
    with relations as (
        select t.key as relation, pg_catalog.to_regclass(t.key) as oid
        from pg_catalog.jsonb_each(v_definition -> 'tables') as t
        where pg_catalog.to_regclass(t.key) is not null
    )

    select x.severity, x.finding, x.subject, 1::bigint, null::text, x.cure
    from tandem._unfit_tables(p_mapping) as x
    union all
    select x.severity, x.finding, x.subject, 1::bigint, null, x.cure
    from tandem._unfit_columns(p_mapping) as x
    union all
    select
        'warning', pg_catalog.format('%s has no search_path of its own', o.function_name),
        r.relation, 1::bigint, null, pg_catalog.format(
            'ALTER FUNCTION %s SET search_path = ...; an import fires it with %s.',
            o.function_name, v_definition ->> 'path')
    from relations as r
    cross join lateral tandem._own_code(r.oid, null) as o
    where o.is_trigger and o.path is null
    union all
    select
        'warning', 'an index that was not finished is there beside its own',
        i.indexrelid::regclass::text, 1::bigint, null,
        pg_catalog.format('DROP INDEX CONCURRENTLY %s;', i.indexrelid::regclass)
    from relations as r
    join pg_catalog.pg_index as i on i.indrelid = r.oid
    where not i.indisvalid
    union all
    select
        'blocker', 'rows have the same key, which the unique index forbids', g.relation::text,
        g.groups, g.key, pg_catalog.format(
            'SELECT * FROM tandem.find_duplicates(%1$L); then SELECT tandem.plan_duplicates(%1$L);',
            p_mapping)
    from tandem._duplicate_groups(p_mapping, 1, false) as g;
end
$_analyze_import$;

comment on function tandem._analyze_import(text) is
'The findings of tandem.analyze for a mapping of an import.';
