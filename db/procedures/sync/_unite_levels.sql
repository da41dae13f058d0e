-- A parent was made again while its kept row was away. The new row stays, gets the old one's
-- columns where it has none, and the kept children, which do not know it yet. Kept leaves need no
-- such care: they are placed by the natural key.
create or replace function tandem._unite_levels(
    p_mapping text, p_ordinal integer, p_refused jsonb
) returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $_unite_levels$
declare
    v_same text;
    v_fill text;
    v_pairs jsonb;
    v_found bigint;
    r_level record;
    r_child record;
begin
    select * into strict r_level from tandem._levels(p_mapping) as l where l.ordinal = p_ordinal;
    select * into r_child from tandem._levels(p_mapping) as l
    where l.ordinal = p_ordinal + 1 and not l.is_leaf;
    select pg_catalog.string_agg(pg_catalog.format('one.%1$I = old.%1$I', k.name), ' and ')
    into v_same
    from pg_catalog.unnest(r_level.key_columns || r_level.parent) as k (name)
    where k.name is not null;
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
    execute pg_catalog.format(
        'select pg_catalog.jsonb_object_agg(old.%1$I, new.id), pg_catalog.count(new.id)
        from pg_catalog.jsonb_populate_recordset(null::%2$s, $1) as old
        left join lateral (
            select one.%1$I as id from %2$s as one
            where one.%1$I = old.%1$I or %3$s
            order by one.%1$I = old.%1$I desc
            limit 1
            for key share
        ) as new on true',
        r_level.id, r_level.relation, v_same
    ) into v_pairs, v_found using p_refused;
    if v_found < pg_catalog.jsonb_array_length(p_refused) then
        perform tandem._cannot_place(p_mapping, r_level.relation);
    end if;
    if v_fill is not null then
        execute pg_catalog.format(
            'update %1$s as one set %2$s
            from pg_catalog.jsonb_populate_recordset(null::%1$s, $1) as old
            where one.%3$I = ($2 ->> old.%3$I::text)::uuid',
            r_level.relation, v_fill, r_level.id
        ) using p_refused, v_pairs;
    end if;
    if r_child.parent is not null then
        execute pg_catalog.format(
            'update %1$I.kept_level as k
            set parent = ($1 ->> k.parent::text)::uuid,
                content = k.content
                || pg_catalog.jsonb_build_object($2, $1 -> k.parent::text)
            where k.level = $3
                and k.parent in (
                    select o.id::uuid from pg_catalog.jsonb_object_keys($1) as o (id)
                )',
            'tandem_' || p_mapping
        ) using v_pairs, r_child.parent, r_child.name;
    end if;
    return array(select v.value::uuid from pg_catalog.jsonb_each_text(v_pairs) as v);
end
$_unite_levels$;

comment on function tandem._unite_levels(text, integer, jsonb) is
'Unites kept rows of an upper level that cannot come back with the rows that have taken their '
'natural key meanwhile, whose ids it returns; raises TD031 where there is no such row.';
