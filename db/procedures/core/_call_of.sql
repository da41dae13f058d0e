-- Arguments that are the procedure's defaults are left out.
create or replace function tandem._call_of(p_run bigint) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $_call_of$
    select pg_catalog.format('CALL tandem.%s(%s%s);', r.kind,
        case when r.mapping is not null then pg_catalog.quote_literal(r.mapping) else '' end,
        pg_catalog.string_agg(
            pg_catalog.format(', %s => %s', a.name, g.value), '' order by a.position
        ) filter (
            where pg_catalog.split_part(d.expression, '::', 1) is distinct from g.value
        )
    )
    from tandem.run as r
    left join pg_catalog.pg_proc as q on q.proname = r.kind and q.prokind = 'p'
        and q.pronamespace = 'tandem'::regnamespace
    left join lateral rows from (
        pg_catalog.unnest(q.proargnames), pg_catalog.unnest(q.proargtypes::oid[])
    ) with ordinality as a (name, type_oid, position) on true
    left join lateral (
        select case
            when pg_catalog.jsonb_typeof(p.param) in ('number', 'boolean') then p.param::text
            else pg_catalog.quote_literal(p.param #>> '{}')
        end as value
        from (select r.params -> pg_catalog.substr(a.name, 3) as param) as p
    ) as g on true
    left join lateral (
        select pg_catalog.pg_get_function_arg_default(q.oid, a.position::integer) as expression
    ) as d on true
    where r.run_id = p_run and (g.value is not null or a.name = 'p_mapping' or a.name is null)
    group by r.run_id, r.kind, r.mapping
$_call_of$;

comment on function tandem._call_of(bigint) is 'The CALL that began a run, with its arguments.';
