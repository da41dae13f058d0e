create or replace function tandem._mapping_of(p_mapping text) returns tandem.mapping
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_mapping_of$
declare
    r_mapping tandem.mapping;
begin
    select * into r_mapping from tandem.mapping as m where m.name = p_mapping;
    if not found then
        raise exception 'there is no mapping %', pg_catalog.quote_nullable(p_mapping)
        using errcode = 'TD001',
            detail = pg_catalog.format(
                'Deployed here: %s.',
                coalesce(
                    (select pg_catalog.string_agg(m.name, ', ') from tandem.mapping as m), 'none'
                )
            ),
            hint = 'Name one that is, or deploy it: pgtandem deploy, or run the SQL bundle.';
    end if;
    return r_mapping;
end
$_mapping_of$;

comment on function tandem._mapping_of(text) is
'The row of a mapping; raises TD001 for an unknown one.';
