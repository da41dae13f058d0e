create or replace function tandem.doctor(p_mapping text default null)
returns table (subject text, check_name text, state text, value text, cure text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $doctor$
declare
    v_mapping text;
begin
    if p_mapping is not null then
        perform tandem._mapping_of(p_mapping);
    end if;
    return query
    select 'server', c.check_name, c.state, c.value, c.cure
    from tandem._doctor_server() as c
    order by c.ordinal;
    for v_mapping in
        select m.name from tandem.mapping as m
        where p_mapping is null or m.name = p_mapping
        order by m.name
    loop
        return query
        select v_mapping, c.check_name, c.state, c.value, c.cure
        from tandem.mapping as m
        cross join lateral (
            select d.* from tandem._doctor_import(v_mapping) as d where m.area = 'imports'
            union all
            select d.* from tandem._doctor_mapping(v_mapping) as d where m.area = 'sync'
        ) as c
        where m.name = v_mapping
        order by c.ordinal;
    end loop;
end
$doctor$;

comment on function tandem.doctor(text) is
'Looks whether server, settings, rights and mappings are as they should be: a row per check with '
'subject (server, or the mapping), state (ok, note, warning, problem, or unknown: not to be seen '
'from here), value and cure. Reads no business rows. p_mapping: NULL for all. Readers may call it. '
'Error: TD001 unknown mapping. Example: select * from tandem.doctor() where state <> ''ok'';';
