-- A parent was made again while its kept row was away. The new row stays, gets the old one's
-- columns where it has none, and the kept children, which do not know it yet. Kept leaves that have
-- a flat row need no such care: they are placed by the natural key.
create or replace function tandem._unite_levels(
    p_mapping text, p_ordinal integer, p_ids uuid[], p_parents uuid[], p_contents json[]
) returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set extra_float_digits = 1
as $_unite_levels$
declare
    v_schema text := 'tandem_' || p_mapping;
    v_same text;
    v_fill text;
    v_united uuid[];
    r_level record;
    r_child record;
begin
    select * into strict r_level from tandem._levels(p_mapping) as l where l.ordinal = p_ordinal;
    select * into strict r_child from tandem._levels(p_mapping) as l
    where l.ordinal = p_ordinal + 1;
    select pg_catalog.string_agg(pg_catalog.format('one.%1$I = old.%1$I', k.name), ' and ')
        || coalesce(' and one.' || pg_catalog.quote_ident(r_level.parent) || ' = k.parent', '')
    into v_same
    from pg_catalog.unnest(r_level.key_columns) as k (name);
    select pg_catalog.string_agg(
        pg_catalog.format('%1$I = coalesce(one.%1$I, old.%1$I)', a.attname), ', '
        order by a.attnum
    )
    into v_fill
    from pg_catalog.pg_attribute as a
    where a.attrelid = r_level.relation::regclass and a.attnum > 0 and not a.attisdropped
        and a.attgenerated = '' and a.attidentity <> 'a'
        and a.attname <> all (r_level.key_columns || r_level.id)
        and a.attname is distinct from r_level.parent;
    perform pg_catalog.set_config('search_path', tandem._path_of(p_mapping), true);
    -- in the order of p_ids; NULL where there is no such row
    execute pg_catalog.format(
        'select pg_catalog.array_agg(new.id order by k.position)
        from rows from (
            pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)
        ) with ordinality as k (id, parent, content, position)
        cross join lateral pg_catalog.json_populate_record(null::%2$s, k.content) as old
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
    if v_fill is not null then
        execute pg_catalog.format(
            'update %1$s as one set %2$s
            from rows from (pg_catalog.unnest($1), pg_catalog.unnest($2)) as k (id, content)
            cross join lateral pg_catalog.json_populate_record(null::%1$s, k.content) as old
            where one.%3$I = k.id',
            r_level.relation, v_fill, r_level.id
        ) using v_united, p_contents;
    end if;
    if r_child.is_leaf then
        execute pg_catalog.format(
            'update %1$I.kept as k set parent = n.new_id
            from rows from (pg_catalog.unnest($1), pg_catalog.unnest($2)) as n (old_id, new_id)
            where k.parent = n.old_id',
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

comment on function tandem._unite_levels(text, integer, uuid[], uuid[], json[]) is
'Unites kept rows of an upper level that cannot come back (ids, parents, contents) with the rows '
'that have taken their natural key meanwhile, whose ids it returns; raises TD031 where there is no '
'such row.';
