create or replace function tandem.validate_imports(p_mapping text)
returns table (check_name text, passed boolean, expected text, actual text, detail text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $validate_imports$
begin
    perform tandem._require_phase(p_mapping, 'validate_imports', array['ready', 'retired']);
    return query
    select c.check_name, c.passed, c.expected, case when c.passed is not null
        or c.detail not like 'not measurable%' then c.actual end, c.detail
    from (
        select * from tandem._import_checks_of_jobs(p_mapping)
        union all
        select * from tandem._import_checks_of_server(p_mapping)
    ) as c
    order by c.ordinal;
end
$validate_imports$;

comment on function tandem.validate_imports(text) is
'The checklist after an import was replaced, a row per point: passed, expected, actual, all '
'measured now over the jobs that are kept. passed NULL: not measurable here, and detail says why. '
'Operators may call it. Errors: TD001, TD002 before prepare. '
'Example: select check_name, passed, actual from tandem.validate_imports(''items'');';
