-- A parent was made again while its kept row was away. The new row stays, gets the old one's
-- columns where it has none, and the kept children, which do not know it yet. Kept leaves that have
-- a flat row need no such care: they are placed by the natural key.
create or replace function tandem._unite_levels(
    p_mapping text, p_ordinal integer, p_ids uuid[], p_parents uuid[], p_contents jsonb[]
) returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $_unite_levels$
declare
    v_schema text := 'tandem_' || p_mapping;
    v_same text;
    v_united uuid[];
    r_level record;
    r_child record;
begin
    select * into strict r_level from tandem._levels(p_mapping) as l where l.ordinal = p_ordinal;
    select * into strict r_child from tandem._levels(p_mapping) as l
    where l.ordinal = p_ordinal + 1;
    select
        pg_catalog.string_agg(pg_catalog.format('one.%I = %s', c.name, c.expression), ' and ')
        || coalesce(' and one.' || pg_catalog.quote_ident(r_level.parent) || ' = k.parent', '')
    into v_same
    from tandem._row_columns(r_level.relation::regclass, 'k.content') as c
    where c.name = any (r_level.key_columns);
    perform pg_catalog.set_config('search_path', tandem._path_of(p_mapping), true);
    -- in the order of p_ids; NULL where there is no such row
    execute pg_catalog.format(
        'select pg_catalog.array_agg(new.id order by k.position)
        from rows from (
            pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)
        ) with ordinality as k (id, parent, content, position)
        left join lateral (
            select one.%1$I as id from %2$s as one
            where one.%1$I = k.id or %3$s
            order by one.%1$I = k.id desc
            limit 1
            for key share
        ) as new on true',
        r_level.id, r_level.relation, v_same
    ) into v_united using p_ids, p_parents, p_contents;
    if pg_catalog.array_position(v_united, null) is not null then
        perform tandem._cannot_place(p_mapping, r_level.relation);
    end if;
    perform tandem._fill(p_mapping, r_level.name, v_united, p_contents);
    if r_child.is_leaf then
        execute pg_catalog.format(
            'update %1$I.kept as k set parent = n.new_id
            from rows from (pg_catalog.unnest($1), pg_catalog.unnest($2)) as n (old_id, new_id)
            where k.flat_key is null and k.parent = n.old_id',
            v_schema
        ) using p_ids, v_united;
    else
        execute pg_catalog.format(
            'update %1$I.kept_level as k set parent = n.new_id
            from rows from (pg_catalog.unnest($1), pg_catalog.unnest($2)) as n (old_id, new_id)
            where k.level = $3 and k.parent = n.old_id',
            v_schema
        ) using p_ids, v_united, r_child.name;
    end if;
    return v_united;
end
$_unite_levels$;

comment on function tandem._unite_levels(text, integer, uuid[], uuid[], jsonb[]) is
'Unites kept rows of an upper level that cannot come back (ids, parents, contents) with the rows '
'that have taken their natural key meanwhile, whose ids it returns; raises TD031 where there is no '
'such row.';
