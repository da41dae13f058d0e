-- A leaf fits a flat row of the same natural key by the first column of leaf.match that the row
-- has. Where a leaf fits several rows, or a row several leaves, nothing is guessed.
create or replace function tandem._adopt(p_mapping text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_adopt$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_count bigint := 0;
    v_is_filled boolean;
    v_fits text;
    v_keys text;
    r_leaf record;
begin
    select l.* into r_leaf from tandem._levels(p_mapping) as l where l.is_leaf;
    execute pg_catalog.format('select exists (select from %s)', r_leaf.relation) into v_is_filled;
    select pg_catalog.string_agg(pg_catalog.format(
        'when flat.%I is not null then %s', c.flat, c.same
    ), E'\n' order by n.position)
    into v_fits
    from pg_catalog.jsonb_array_elements_text(v_definition -> 'match') with ordinality
        as n (name, position)
    join tandem._mapped(p_mapping) as c on c.part = r_leaf.name and c.hier = n.name;
    if v_fits is null or not v_is_filled then
        return 0;
    end if;
    select pg_catalog.string_agg(
        pg_catalog.format(E'\nand %s = %I.%I', c.put, c.part, c.hier), '' order by c.ordinal
    )
    into v_keys
    from tandem._levels(p_mapping) as l
    join tandem._mapped(p_mapping) as c on c.part = l.name and c.hier = any (l.key_columns)
    where not l.is_leaf;
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    execute pg_catalog.format(
        $query$with fitting as materialized (
    -- a row that will be rejected may hold what cannot be cast; one that awaits a leaf gets it
    select flat.* from %5$s as flat
    where flat.%6$I is null and %10$s is null and not exists (
        select from %9$I.kept as k
        where k.flat_key = flat.%1$I::text
            and not exists (select from %5$s as other where other.%6$I = k.leaf_id)
    )
),

pairs as (
    select
        flat.%1$I::text as flat_key, %2$I.%3$I as leaf_id,
        pg_catalog.count(*) over (partition by flat.%1$I) as leaves,
        pg_catalog.count(*) over (partition by %2$I.%3$I) as flats
    from %4$s
    join fitting as flat on true%7$s
        and case %8$s else false end
    where not exists (select from %5$s as other where other.%6$I = %2$I.%3$I)
),

noted as (
    insert into %9$I.kept (flat_key, leaf_id, reason)
    select p.flat_key, p.leaf_id, 'adopted' from pairs as p
    where p.leaves = 1 and p.flats = 1
    on conflict (leaf_id) do nothing
    returning true
)

select pg_catalog.count(*) from noted$query$,
        v_definition ->> 'key', r_leaf.name, r_leaf.id, tandem._chain(p_mapping, 'join'),
        v_definition ->> 'flat', r_leaf.sync, v_keys, v_fits, 'tandem_' || p_mapping,
        pg_catalog.format(
            '%I._fault(%s)', 'tandem_' || p_mapping, (
                select pg_catalog.string_agg(pg_catalog.format('flat.%I', c.flat), ', '
                    order by c.ordinal)
                from tandem._mapped(p_mapping) as c
            )
        )
    ) into v_count;
    return v_count;
end
$_adopt$;

comment on function tandem._adopt(text) is
'Notes in kept which leaf without a flat row belongs to which flat row without a leaf; how many.';
