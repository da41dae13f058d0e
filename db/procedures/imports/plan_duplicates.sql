-- A plan has no statistics while it is written, and what is joined is large.
create or replace function tandem.plan_duplicates(
    p_mapping text, p_action text default 'rename', p_keeper text default 'oldest',
    p_ignore text[] default '{}'
) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set jit = off
as $plan_duplicates$
declare
    v_plan bigint;
    v_waiting bigint;
    r_part record;
    r_column record;
begin
    perform tandem._check_argument('p_action', p_action, array['rename', 'merge']);
    perform tandem._check_argument('p_keeper', p_keeper, array[
        'oldest', 'newest', 'most_referenced'
    ]);
    perform tandem._require_import(p_mapping);
    -- two plans at once would each replace the other
    perform from tandem.mapping as m where m.name = p_mapping for no key update;
    select pg_catalog.count(*) into v_waiting from tandem.duplicate_plan as d
    where d.mapping = p_mapping and d.state = 'planned' and d.approved;
    if v_waiting > 0 then
        raise exception 'a plan of % waits to be applied', p_mapping
        using errcode = 'TD071',
            detail = pg_catalog.format('%s of its rows are approved.', v_waiting),
            hint = pg_catalog.format(
                'CALL tandem.apply_duplicates(%1$L); or UPDATE tandem.duplicate_plan SET approved '
                '= false WHERE mapping = %1$L AND state = ''planned''; then plan again.', p_mapping
            );
    end if;
    delete from tandem.duplicate_plan as d where d.mapping = p_mapping and d.state = 'planned';
    v_plan := pg_catalog.nextval('tandem.duplicate_plan_number');
    for r_part in select * from tandem._duplicate_parts(p_mapping) as p where not p.is_enforced loop
        execute pg_catalog.format(
            'with g as materialized (select %3$s as k from %1$s as t where %2$s group by 1 '
            'having pg_catalog.count(*) > 1) '
            'insert into tandem.duplicate_plan (plan_id, mapping, part, table_name, reason, '
            'group_key, action, loser_id, planned_loser, old_name, ignored) '
            'select $1, $2, $3, %6$L, '
            'case when pg_catalog.min((%5$s) collate "C") over w = pg_catalog.max((%5$s) collate '
            '"C") over w then ''exact'' else ''normalised'' end, '
            'g.k::text, $4, t.%4$I::text, t.%4$I::text, %5$s, $5 '
            'from g join %1$s as t on %3$s = g.k where %2$s '
            'window w as (partition by g.k) order by g.k::text collate "C", t.%4$I',
            r_part.relation, r_part.live, r_part.key, r_part.id_column, r_part.label,
            r_part.relation
        ) using v_plan, p_mapping, r_part.part,
            case when r_part.is_variant then 'merge' else p_action end, coalesce(p_ignore, '{}');
        update tandem.duplicate_plan as d
        set moves = f.moves
        from (
            select r.row_id, pg_catalog.jsonb_object_agg(r.label, r.rows) as moves
            from tandem._referred_to(p_mapping, r_part.part, array(
                select d.loser_id from tandem.duplicate_plan as d
                where d.plan_id = v_plan and d.part = r_part.part
            )) as r
            group by r.row_id
        ) as f
        where d.plan_id = v_plan and d.part = r_part.part and d.loser_id = f.row_id;
        -- ids in their own order, not in that of their text
        with members as (
            select d.duplicate_id, d.loser_id, pg_catalog.first_value(d.loser_id) over (
                partition by d.group_key
                order by
                    case when p_keeper = 'most_referenced' then (
                        select pg_catalog.sum(v.value::bigint)
                        from pg_catalog.jsonb_each_text(d.moves) as v
                    ) end desc nulls last,
                    case when p_keeper = 'newest' then -d.duplicate_id else d.duplicate_id end
            ) as keeper_id
            from tandem.duplicate_plan as d
            where d.plan_id = v_plan and d.part = r_part.part
        ),

        kept as (
            delete from tandem.duplicate_plan as d using members as m
            where m.duplicate_id = d.duplicate_id and m.keeper_id = m.loser_id
        )

        update tandem.duplicate_plan as d
        set keeper_id = m.keeper_id
        from members as m
        where m.duplicate_id = d.duplicate_id and m.keeper_id <> m.loser_id;
        update tandem.duplicate_plan as d
        set unknown = f.unknown
        from (
            select r.row_id, pg_catalog.jsonb_object_agg(r.label, r.rows) as unknown
            from tandem._unknown_references(p_mapping, r_part.part, array(
                select d.loser_id from tandem.duplicate_plan as d
                where d.plan_id = v_plan and d.part = r_part.part
            )) as r
            group by r.row_id
        ) as f
        where d.plan_id = v_plan and d.part = r_part.part and d.loser_id = f.row_id;
        for r_column in
            select u.label, pg_catalog.sum(u.value::bigint) as rows
            from tandem.duplicate_plan as d
            cross join lateral pg_catalog.jsonb_each_text(d.unknown) as u (label, value)
            where d.plan_id = v_plan and d.part = r_part.part
            group by u.label
        loop
            raise warning '% looks like a reference to %, and has no foreign key', r_column.label,
                r_part.relation
            using detail = pg_catalog.format(
                '%s of its rows hold the id of a row that has to give way.',
                coalesce(r_column.rows::text, 'It may not be read; some')
            ),
                hint = pg_catalog.format(
                    'They are not moved. Add a foreign key; or, where it is no reference: SELECT '
                    'tandem.plan_duplicates(%L, ..., p_ignore => array[%L]);', p_mapping,
                    r_column.label
                );
        end loop;
        continue when r_part.is_variant;
        perform tandem._name_duplicates(p_mapping, r_part.part, array(
            select d.duplicate_id from tandem.duplicate_plan as d
            where d.plan_id = v_plan and d.part = r_part.part
        ));
    end loop;
    return (
        select pg_catalog.count(*) from tandem.duplicate_plan as d where d.plan_id = v_plan
    );
end
$plan_duplicates$;

comment on function tandem.plan_duplicates(text, text, text, text[]) is
'Writes into tandem.duplicate_plan how duplicates that stand in the way of prepare are to be '
'resolved, a row for each row that gives way, and returns how many; changes nothing else. '
'p_action: rename, to the name with (duplicate-id) after it, or merge: what refers to it moves to '
'the keeper, then it is deleted softly. Variants are always merged. p_keeper: the row that stays, '
'oldest or newest (by its id) or most_referenced. p_ignore: columns, as schema.table.column, that '
'hold ids of it without being references. A plan that is not approved is replaced. Read it, change '
'it by UPDATE, approve it. Admins may call it. Example: select tandem.plan_duplicates(''items'', '
'''merge'', ''most_referenced'');';
