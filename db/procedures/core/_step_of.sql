create or replace function tandem._step_of(
    p_kind text, p_mapping text, p_role name default current_user
) returns regprocedure
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_step_of$
declare
    v_step regprocedure;
begin
    if p_mapping is not null or p_kind <> 'purge' then
        perform tandem._mapping_of(p_mapping);
    end if;
    v_step := pg_catalog.to_regprocedure(
        pg_catalog.format('tandem.%I(text, bigint, integer, jsonb)', p_kind || '_step')
    );
    if v_step is null then
        raise exception 'there is no step function for %', p_kind
        using errcode = 'TD012',
            detail = pg_catalog.format('Schema tandem has no %I.', p_kind || '_step'),
            hint = 'Deploy this version of pgtandem again.';
    end if;
    if not pg_catalog.has_function_privilege(p_role, v_step, 'execute') then
        raise exception '% may not run %', p_role, p_kind
        using errcode = 'insufficient_privilege',
            detail = pg_catalog.format('EXECUTE on %s is missing.', v_step),
            hint = 'The owner or an admin grants it: SELECT tandem.grant_to(role, ''operator'') '
            'or ''admin''.';
    end if;
    return v_step;
end
$_step_of$;

comment on function tandem._step_of(text, text, name) is
'The step function of a kind of run, for a role that may execute it.';
