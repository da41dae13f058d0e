-- The verbs pass what their own arguments allow. Whoever may run one may also begin it by hand:
-- what is noted must be what the procedure could have been given, as others read it and are told to
-- paste the call.
create or replace function tandem._check_params(p_kind text, p_params jsonb) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_check_params$
declare
    v_wrong text;
begin
    if pg_catalog.jsonb_typeof(p_params) is distinct from 'object' then
        v_wrong := 'they are no JSON object';
    else
        select pg_catalog.format('%s is %s', e.key, e.value) into v_wrong
        from pg_catalog.jsonb_each(p_params) as e
        left join (
            select pg_catalog.substr(a.name, 3) as name, a.type_oid::regtype::text as type_name
            from pg_catalog.pg_proc as p
            cross join lateral rows from (
                pg_catalog.unnest(p.proargnames), pg_catalog.unnest(p.proargtypes::oid[])
            ) as a (name, type_oid)
            where p.proname = p_kind and p.prokind = 'p'
                and p.pronamespace = 'tandem'::regnamespace
        ) as a on a.name = e.key
        where not case coalesce(a.type_name, '')
            when 'boolean' then pg_catalog.jsonb_typeof(e.value) in ('boolean', 'null')
            when 'bigint' then e.value::text ~ '^[0-9]{1,18}$'
            when 'integer' then pg_catalog.jsonb_typeof(e.value) = 'null'
                or case when e.value::text ~ '^-?[0-9]{1,10}$'
                    then pg_catalog.abs(e.value::numeric) <= 2147483647 else false end
            else pg_catalog.jsonb_typeof(e.value) in ('string', 'null')
        end
        limit 1;
    end if;
    if v_wrong is not null then
        raise exception 'parameters of a run of % are not its own: %', p_kind, v_wrong
        using errcode = 'invalid_parameter_value', detail = 'Nothing was done.',
            hint = pg_catalog.format('CALL tandem.%s begins such a run.', p_kind);
    end if;
end
$_check_params$;

comment on function tandem._check_params(text, jsonb) is
'Raises 22023 where parameters of a run are not such as its procedure has.';
