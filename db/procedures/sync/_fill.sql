-- A row that was made again while its kept one was away stays as it is; where it has no value the
-- kept one's comes back. Mapped columns are left alone: the other side has them too.
create or replace function tandem._fill(
    p_mapping text, p_level text, p_ids uuid[], p_contents jsonb[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_fill$
declare
    v_fill text;
    r_level record;
begin
    select * into strict r_level from tandem._levels(p_mapping) as l where l.name = p_level;
    select pg_catalog.string_agg(
        pg_catalog.format('%1$I = coalesce(one.%1$I, %2$s)', c.name, c.expression), ', '
        order by c.ordinal
    )
    into v_fill
    from tandem._row_columns(r_level.relation::regclass, 'k.content') as c
    left join pg_catalog.pg_attribute as a
        on a.attrelid = r_level.relation::regclass and a.attname = c.name
    where a.attidentity <> 'a' and c.name <> r_level.id
        and c.name is distinct from r_level.parent
        and c.name not in (
            select p.hier from tandem._mapped(p_mapping) as p where p.part = p_level
        );
    if v_fill is null then
        return;
    end if;
    perform pg_catalog.set_config('search_path', tandem._path_of(p_mapping), true);
    execute pg_catalog.format(
        'update %s as one set %s
        from rows from (pg_catalog.unnest($1), pg_catalog.unnest($2)) as k (id, content)
        where one.%I = k.id',
        r_level.relation, v_fill, r_level.id
    ) using p_ids, p_contents;
end
$_fill$;

comment on function tandem._fill(text, text, uuid[], jsonb[]) is
'Gives rows of a level, by id, the values of unmapped columns that they lack from kept ones.';
