-- A parent was made again while its kept row was away. The new row stays, gets what it lacks, and
-- the kept children, which do not know it yet. Kept leaves that have a flat row need no such care:
-- they are placed by the natural key.
create or replace function tandem._unite_level(
    p_mapping text, p_ordinal integer, p_id uuid, p_parent uuid, p_content jsonb,
    out united uuid, out remains jsonb, out fault text
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $_unite_level$
declare
    v_schema text := 'tandem_' || p_mapping;
    v_same text;
    r_level record;
    r_child record;
begin
    select * into strict r_level from tandem._levels(p_mapping) as l where l.ordinal = p_ordinal;
    select * into strict r_child from tandem._levels(p_mapping) as l
    where l.ordinal = p_ordinal + 1;
    select
        pg_catalog.string_agg(pg_catalog.format('one.%I = %s', c.name, c.value), ' and ')
        || coalesce(' and one.' || pg_catalog.quote_ident(r_level.parent) || ' = $2', '')
    into v_same
    from tandem._row_columns(r_level.relation::regclass, p_content) as c
    where c.name = any (r_level.key_columns);
    perform pg_catalog.set_config('search_path', tandem._path_of(p_mapping), true);
    execute pg_catalog.format(
        'select one.%1$I from %2$s as one
        where one.%1$I = $1 or %3$s
        order by one.%1$I = $1 desc
        limit 1
        for key share',
        r_level.id, r_level.relation, coalesce(v_same, 'false')
    ) into united using p_id, p_parent;
    if united is null then
        remains := p_content;
        return;
    end if;
    select f.remains, f.fault into remains, fault
    from tandem._fill(p_mapping, r_level.name, united, p_content, false) as f;
    if r_child.is_leaf then
        execute pg_catalog.format(
            'update %I.kept as k set parent = $2 where k.flat_key is null and k.parent = $1',
            v_schema
        ) using p_id, united;
    else
        execute pg_catalog.format(
            'update %I.kept_level as k set parent = $2 where k.level = $3 and k.parent = $1',
            v_schema
        ) using p_id, united, r_child.name;
    end if;
end
$_unite_level$;

comment on function tandem._unite_level(text, integer, uuid, uuid, jsonb) is
'Unites a kept row of an upper level that cannot come back (id, parent, content) with the row that '
'has its id or natural key now. Returns that row''s id, NULL where there is none, and what it '
'cannot be given, and why.';
