-- Run by a deployment alone: who may not create roles is told so once.
create or replace function tandem._create_roles() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_create_roles$
declare
    v_missing text;
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
                raise notice 'Optional: roles of pgtandem''s own, which this session may not '
                    'create. Existing roles can serve: SELECT tandem.grant_to(role, level); '
                    'Or a role with CREATEROLE runs:%', v_missing
                using detail = 'After that, deploy again.';
        end;
    end if;
end
$_create_roles$;

comment on function tandem._create_roles() is
'Creates the roles tandem_reader, _writer, _operator and _admin where they are missing and the '
'session may; else says which.';
