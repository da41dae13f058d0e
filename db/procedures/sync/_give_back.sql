-- The leaf first; where a program has made it again meanwhile, its row stays.
create or replace function tandem._give_back(
    p_mapping text, p_leaf uuid, p_parent uuid, p_content jsonb, p_satellites jsonb
) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_give_back$
declare
    v_path text := tandem._path_of(p_mapping);
    v_there text;
    v_is_there boolean;
    v_made boolean;
    r_leaf record;
    r_satellite record;
begin
    select * into strict r_leaf from tandem._levels(p_mapping) as l where l.is_leaf;
    v_there := pg_catalog.format(
        'select exists (select from %s as one where one.%I = $1)', r_leaf.relation, r_leaf.id
    );
    execute v_there into v_is_there using p_leaf;
    v_made := not v_is_there and tandem._row_from_text(
        r_leaf.relation::regclass,
        p_content || pg_catalog.jsonb_build_object(r_leaf.id, p_leaf, r_leaf.parent, p_parent),
        v_path
    );
    if not v_made then
        execute v_there into v_is_there using p_leaf;
        if not v_is_there then
            return false;
        end if;
        perform tandem._fill(p_mapping, r_leaf.name, array[p_leaf], array[p_content]);
    end if;
    for r_satellite in select * from tandem._satellites(p_mapping) as s
    loop
        perform tandem._row_from_text(r_satellite.relation::regclass, k.content, v_path)
        from pg_catalog.jsonb_array_elements(p_satellites -> r_satellite.name) as k (content);
        execute pg_catalog.format(
            'insert into %I.due (satellite, leaf_id, effective)
            select %L, s.%4$I, s.%5$I from %3$s as s
            where s.%4$I = $1 and s.%5$I > pg_catalog.clock_timestamp()
            on conflict do nothing',
            'tandem_' || p_mapping, r_satellite.name, r_satellite.relation, r_satellite.parent,
            r_satellite.effective
        ) using p_leaf;
    end loop;
    return true;
end
$_give_back$;

comment on function tandem._give_back(text, uuid, uuid, jsonb, jsonb) is
'Brings a kept leaf back under a parent, with its dated rows; false where another row has taken '
'a unique key of its.';
