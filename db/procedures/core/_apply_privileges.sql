-- Deny first, then grant by level. Run at the end of every deployment and by grant_to, so that
-- rights which an older version gave, and this one does not, are gone.
create or replace function tandem._apply_privileges() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_apply_privileges$
declare
    v_role text;
    v_schema text;
    v_missing text;
    r_grant record;
begin
    select pg_catalog.string_agg(
        pg_catalog.format(' create role %I nologin;', 'tandem_' || l.level), '' order by l.position
    )
    into v_missing
    from pg_catalog.unnest(array['reader', 'writer', 'operator', 'admin']) with ordinality
        as l (level, position)
    where pg_catalog.to_regrole('tandem_' || l.level) is null;
    if v_missing <> '' then
        begin
            execute v_missing;
        exception
            when duplicate_object or unique_violation then
                null;  -- a deployment in another database of this server has just made them
            when insufficient_privilege then
                raise notice 'Roles are missing and this session may not create them. Either a '
                    'role with CREATEROLE runs:%  and this is deployed again, or existing roles '
                    'serve: SELECT tandem.grant_to(role, level);', v_missing;
        end;
    end if;
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
