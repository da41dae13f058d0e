create or replace function tandem.grant_to(p_role text, p_level text) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $grant_to$
begin
    perform tandem._check_argument(
        'p_level', p_level, array['reader', 'writer', 'operator', 'admin']
    );
    if not exists (select from pg_catalog.pg_roles as r where r.rolname = p_role) then
        raise exception 'there is no role %', pg_catalog.quote_nullable(p_role)
        using errcode = 'undefined_object',
            detail = 'Nothing was granted.',
            hint = 'Create the role first; pgtandem creates none but its own four.';
    end if;
    if pg_catalog.to_regrole(pg_catalog.quote_ident(p_role)) = (
        select n.nspowner from pg_catalog.pg_namespace as n where n.nspname = 'tandem'
    ) then
        raise exception '% owns pgtandem and may do everything', pg_catalog.quote_ident(p_role)
        using errcode = 'invalid_parameter_value',
            detail = 'Nothing was granted.',
            hint = 'Name the role that is to serve the level.';
    end if;
    insert into tandem.granted_role (role_name, level) values (p_role, p_level)
    on conflict do nothing;
    perform tandem._apply_privileges();
end
$grant_to$;

comment on function tandem.grant_to(text, text) is
'Lets an existing role serve a level: reader (status, progress, counts), writer (the upsert '
'functions), operator (plan to retry), admin (prepare, switches, rollback, settings). Remembered '
'for later deployments. Admins may call it. '
'Example: select tandem.grant_to(''shop_app'', ''writer'');';
