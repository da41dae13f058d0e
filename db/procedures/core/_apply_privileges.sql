-- Deny first, then grant by level. Run at the end of every deployment and by grant_to, so that
-- rights which an older version gave, and this one does not, are gone.
create or replace function tandem._apply_privileges() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_apply_privileges$
declare
    v_role text;
    v_schema text;
    r_grant record;
begin
    for v_schema in
        select n.nspname
        from pg_catalog.pg_namespace as n
        where n.nspname = 'tandem'
            or n.nspname in (select 'tandem_' || m.name from tandem.mapping as m)
    loop
        execute pg_catalog.format('revoke all on schema %I from public', v_schema);
        execute pg_catalog.format('revoke all on all tables in schema %I from public', v_schema);
        execute pg_catalog.format('revoke all on all sequences in schema %I from public', v_schema);
        execute pg_catalog.format('revoke all on all functions in schema %I from public', v_schema);
        execute pg_catalog.format(
            'revoke all on all procedures in schema %I from public', v_schema
        );
        for v_role in select g.role_name from tandem._grantees() as g loop
            execute pg_catalog.format('revoke all on schema %I from %I', v_schema, v_role);
            execute pg_catalog.format(
                'revoke all on all tables in schema %I from %I', v_schema, v_role
            );
            execute pg_catalog.format(
                'revoke all on all routines in schema %I from %I', v_schema, v_role
            );
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
