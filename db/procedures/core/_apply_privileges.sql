-- Deny first, then grant by level. Run at the end of every deployment and by grant_to, so that
-- rights which an older version gave, and this one does not, are gone.
create or replace function tandem._apply_privileges() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_apply_privileges$
declare
    v_role text;
    v_missing text := '';
    r_object record;
    r_grant record;
begin
    foreach v_role in array array['reader', 'writer', 'operator', 'admin'] loop
        if pg_catalog.to_regrole('tandem_' || v_role) is null then
            begin
                execute pg_catalog.format('create role %I nologin', 'tandem_' || v_role);
            exception
                when duplicate_object or unique_violation then
                    null;
                when insufficient_privilege then
                    v_missing := v_missing || pg_catalog.format(' create role %I nologin;', 'tandem_' || v_role);
            end;
        end if;
    end loop;
    if v_missing <> '' then
        raise notice 'Roles are missing and this session may not create them. Either a role with CREATEROLE runs:%  and this is deployed again, or existing roles serve: SELECT tandem.grant_to(role, level);', v_missing;
    end if;
    for r_object in
        select n.nspname as schema_name
        from pg_catalog.pg_namespace as n
        where n.nspname = 'tandem' or n.nspname in (select 'tandem_' || m.name from tandem.mapping as m)
    loop
        execute pg_catalog.format('revoke all on schema %I from public', r_object.schema_name);
        execute pg_catalog.format('revoke all on all tables in schema %I from public', r_object.schema_name);
        execute pg_catalog.format('revoke all on all sequences in schema %I from public', r_object.schema_name);
        execute pg_catalog.format('revoke all on all functions in schema %I from public', r_object.schema_name);
        execute pg_catalog.format('revoke all on all procedures in schema %I from public', r_object.schema_name);
        for v_role in select g.role_name from tandem._grantees() as g loop
            execute pg_catalog.format('revoke all on schema %I from %I', r_object.schema_name, v_role);
            execute pg_catalog.format('revoke all on all tables in schema %I from %I', r_object.schema_name, v_role);
            execute pg_catalog.format('revoke all on all routines in schema %I from %I', r_object.schema_name, v_role);
        end loop;
    end loop;
    for r_grant in
        select g.role_name, p.statement
        from tandem._grantees() as g
        join tandem._privileges() as p on p.level = g.level
    loop
        execute pg_catalog.format('grant %s to %I', r_grant.statement, r_grant.role_name);
    end loop;
end
$_apply_privileges$;

comment on function tandem._apply_privileges() is
'Revokes everything of this package from PUBLIC and its roles, then grants what each level may.';
