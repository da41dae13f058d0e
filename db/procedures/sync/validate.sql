create or replace function tandem.validate(p_mapping text)
returns table (check_name text, passed boolean, expected text, actual text, detail text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $validate$
begin
    if (tandem._mapping_of(p_mapping)).area = 'imports' then
        return query
        select v.check_name, v.passed, v.expected, v.actual, v.detail
        from tandem.validate_imports(p_mapping) as v;
        return;
    end if;
    perform tandem._require_phase(p_mapping, 'validate', array['prepared', 'syncing', 'migrated']);
    return query
    select v.check_name, v.expected = v.actual, v.expected::text, v.actual::text, v.detail
    from (
        select * from tandem._checks_of_rows(p_mapping)
        union all
        select * from tandem._checks_of_keys(p_mapping)
        union all
        select
            130, 'sync switched on', (
                select pg_catalog.count(*)
                from tandem._switches(p_mapping) as s
                cross join tandem._mapping_of(p_mapping) as t
                where t.phase in ('syncing', 'migrated')
                    and (s.direction = 'flat_to_hierarchy' and t.flat_to_hierarchy
                        or s.direction = 'hierarchy_to_flat' and t.hierarchy_to_flat)
            ), (
                select pg_catalog.count(*) from tandem._switches(p_mapping) as s
                where s.enabled and s.direction <> 'log'
            ), 'triggers that should be enabled, and that are'
        union all
        select
            140, 'nothing missing', 0, (
                select pg_catalog.count(*) from tandem._missing(p_mapping) as x
                where x.kind <> 'index'
            ), 'tables, columns and triggers of the mapping that are absent'
        union all
        select
            150, 'indexes built', 0, pg_catalog.count(*), coalesce(
                pg_catalog.string_agg(i.statement, ' ' order by i.ordinal),
                'indexes of the mapping that are absent or invalid'
            )
        from tandem._index_statements(p_mapping) as i
    ) as v (ordinal, check_name, expected, actual, detail)
    order by v.ordinal;
end
$validate$;

comment on function tandem.validate(text) is
'The checks of a mapping, a row each: passed, expected, actual. passed NULL: not measurable here, '
'and detail says why. Operators may call it. '
'Example: select * from tandem.validate(''products'');';
