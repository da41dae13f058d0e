-- Deny first, then grant by level. Run at the end of every deployment and by grant_to, so that
-- rights are gone which an older version gave, and those that ALTER DEFAULT PRIVILEGES of the owner
-- gave on what was just made.
create or replace function tandem._apply_privileges() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_apply_privileges$
declare
    v_grantee text;
    v_schema text;
    v_relation regclass;
    r_grant record;
begin
    for v_schema in select s.schema_name from tandem._own_schemas() as s
    loop
        for v_grantee in select g.grantee from tandem._holders(v_schema) as g loop
            -- The two views of a mapping show what who reads them may see anyway: who was granted
            -- them, and the way to them, keeps that.
            execute pg_catalog.format(
                'revoke %3$s on schema %1$I from %2$s cascade;
                revoke all on all routines in schema %1$I from %2$s cascade',
                v_schema, v_grantee, case when v_schema = 'tandem' or v_grantee = 'public'
                    then 'all' else 'create' end
            );
            for v_relation in
                select c.oid from pg_catalog.pg_class as c
                where c.relnamespace = v_schema::regnamespace and c.relkind in ('r', 'p', 'v', 'S')
                    and (v_schema = 'tandem' or c.relkind <> 'v' or c.relname = 'inside')
            loop
                execute pg_catalog.format(
                    'revoke all on %s from %s cascade', v_relation, v_grantee
                );
            end loop;
        end loop;
    end loop;
    for r_grant in
        select g.role_name, p.statement
        from (
            select m.role_name, m.level from tandem._grantees() as m
            union all
            select 'public', 'public'
        ) as g
        join tandem._privileges() as p on p.level = g.level
    loop
        execute pg_catalog.format('grant %s to %I', r_grant.statement, r_grant.role_name);
    end loop;
end
$_apply_privileges$;

comment on function tandem._apply_privileges() is
'Revokes everything of this package from all but its owner, then grants what each level may, and '
'to all what an index of a user''s table calls.';
