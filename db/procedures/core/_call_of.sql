-- Arguments that are the procedure's defaults are left out.
create or replace function tandem._call_of(p_run bigint) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $_call_of$
    select pg_catalog.format('CALL tandem.%s(%s%s);', r.kind,
        case when p.proargnames[1] = 'p_mapping' or r.mapping is not null and p.oid is null
            then pg_catalog.quote_literal(r.mapping) else coalesce(r.import_id::text, '') end,
        pg_catalog.string_agg(
            pg_catalog.format(', %s => %s', a.name, g.value), '' order by a.position
        ) filter (
            where a.name not in ('p_mapping', 'p_import')
                and pg_catalog.split_part(d.expression, '::', 1) is distinct from g.value
        )
    )
    from tandem.run as r
    left join pg_catalog.pg_proc as p on p.proname = r.kind and p.prokind = 'p'
        and p.pronamespace = 'tandem'::regnamespace
    left join lateral pg_catalog.unnest(p.proargnames) with ordinality
        as a (name, position) on true
    left join lateral (
        select case
            when pg_catalog.jsonb_typeof(v.param) in ('number', 'boolean') then v.param::text
            else pg_catalog.quote_literal(v.param #>> '{}')
        end as value
        from (select r.params -> pg_catalog.substr(a.name, 3) as param) as v
    ) as g on true
    left join lateral (
        select pg_catalog.pg_get_function_arg_default(p.oid, a.position::integer) as expression
    ) as d on true
    where r.run_id = p_run and (g.value is not null or a.position = 1 or a.name is null)
    group by r.run_id, r.kind, r.mapping, r.import_id, p.oid, p.proargnames
$_call_of$;

comment on function tandem._call_of(bigint) is 'The CALL that began a run, with its arguments.';
