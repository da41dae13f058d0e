-- Over columns alone, with the predicate as the rows are now: what else collides ends with 23505.
create or replace function tandem._refuse_collision(
    p_relation regclass, p_columns text[], p_values text[], p_where text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_refuse_collision$
declare
    v_rows bigint;
    r_index record;
begin
    for r_index in
        select
            i.indexrelid::regclass as name,
            coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), 'true') as predicate,
            k.condition, k.moved
        from pg_catalog.pg_index as i
        cross join lateral (
            select
                pg_catalog.string_agg(pg_catalog.format(
                    case when i.indnullsnotdistinct then 'o.%I is not distinct from %s'
                        else 'o.%I = %s' end,
                    a.attname,
                    coalesce(v.value, pg_catalog.format('t.%I', a.attname))
                ), ' and ') as condition,
                pg_catalog.count(v.value) > 0 as moved
            from pg_catalog.unnest(i.indkey::smallint[]) with ordinality as n (number, position)
            join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = n.number
            left join rows from (
                pg_catalog.unnest(p_columns), pg_catalog.unnest(p_values)
            ) as v (name, value) on v.name = a.attname
            where n.position <= i.indnkeyatts
        ) as k
        where i.indrelid = p_relation and i.indisunique and i.indexprs is null and k.moved
        order by 1
    loop
        execute pg_catalog.format(
            'select pg_catalog.count(*) from (select * from %1$s where %2$s) as t '
            'where %3$s and exists (select from (select * from %1$s where %2$s) as o where %4$s)',
            p_relation, r_index.predicate, p_where, r_index.condition
        ) into v_rows;
        if v_rows > 0 then
            raise exception '% rows of % would be there twice in index %', v_rows, p_relation,
                r_index.name
            using errcode = 'TD073',
                detail = 'The keeper has such rows already. Nothing of this duplicate was done.',
                hint = 'Delete or change the rows of one of the two, then plan and approve it '
                'again; or rename it.';
        end if;
    end loop;
end
$_refuse_collision$;

comment on function tandem._refuse_collision(regclass, text[], text[], text) is
'Raises TD073 where rows (p_where, over t) would break a unique index once their columns have '
'other values, which are SQL.';
