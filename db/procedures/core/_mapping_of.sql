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
    if not exists (
        select from pg_catalog.pg_namespace as n
        where n.nspname = 'tandem_' || p_mapping
            and n.nspowner = pg_catalog.to_regrole(pg_catalog.quote_ident(current_user))
    ) then
        raise exception 'the schema of mapping % is gone', p_mapping
        using errcode = 'TD001',
            detail = pg_catalog.format('There is no schema %I of %s.', 'tandem_' || p_mapping,
                current_user),
            hint = pg_catalog.format('Deploy the mapping again; or, where it is not to come back: '
                'DELETE FROM tandem.mapping WHERE name = %L;', p_mapping);
    end if;
    return r_mapping;
end
$_mapping_of$;

comment on function tandem._mapping_of(text) is
'The row of a mapping; raises TD001 for an unknown one, and where its schema was dropped by hand.';
