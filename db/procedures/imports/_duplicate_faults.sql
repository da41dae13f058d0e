-- Asked when a plan is approved, and again of each batch when its rows are locked. What a merge
-- meets in other tables beyond that is found when it is tried.
create or replace function tandem._duplicate_faults(p_mapping text, p_ids bigint[])
returns table (duplicate_id bigint, fault text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_duplicate_faults$
declare
    v_length integer;
    r_part record;
begin
    return query
    select d.duplicate_id, case
        when d.loser_id = d.keeper_id
            then 'a row cannot be its own keeper: exchange loser_id and keeper_id'
        when k.action = 'rename' and d.action = 'merge' then pg_catalog.format(
            'its keeper %s is to be renamed, so they are no duplicates then', d.keeper_id)
        else pg_catalog.format('its keeper %s is to give way itself', d.keeper_id)
    end
    from tandem.duplicate_plan as d
    left join tandem.duplicate_plan as k on k.mapping = d.mapping and k.part = d.part
        and k.loser_id = d.keeper_id and k.state = 'planned' and k.action <> 'skip'
    where d.duplicate_id = any (p_ids)
        and (d.loser_id = d.keeper_id or k.duplicate_id is not null)
    union all
    select d.duplicate_id, pg_catalog.format('there is no table %s in the mapping', d.part)
    from tandem.duplicate_plan as d
    where d.duplicate_id = any (p_ids) and not exists (
        select from tandem._duplicate_parts(p_mapping) as p
        where p.part = d.part and p.relation::text = d.table_name
    );
    for r_part in
        select p.*, exists (
            select from tandem.duplicate_plan as d
            where d.duplicate_id = any (p_ids) and d.part = p.part and d.action = 'merge'
        ) as merges
        from tandem._duplicate_parts(p_mapping) as p
        where exists (
            select from tandem.duplicate_plan as d
            where d.duplicate_id = any (p_ids) and d.part = p.part
        )
    loop
        return query execute pg_catalog.format(
            'select f.* from (select d.duplicate_id, case '
            'when l.id is null then ''the loser is not there'' '
            'when not l.live then ''the loser is deleted'' '
            'when l.label is distinct from d.old_name '
            'then pg_catalog.format(''the loser is %%s now'', l.label) '
            'when k.id is null then ''the keeper is not there'' '
            'when not k.live then ''the keeper is deleted'' '
            'when k.key is distinct from l.key '
            'then pg_catalog.format(''the keeper is %%s now: no duplicate any more'', k.label) '
            'end as fault from tandem.duplicate_plan as d '
            'left join (select t.%1$I as id, %2$s as live, %3$s as key, %4$s as label '
            'from %5$s as t) as l on l.id = %6$s '
            'left join (select t.%1$I as id, %2$s as live, %3$s as key, %4$s as label '
            'from %5$s as t) as k on k.id = %7$s '
            'where d.duplicate_id = any ($1) and d.part = $2) as f where f.fault is not null',
            r_part.id_column, r_part.live, r_part.key, r_part.label, r_part.relation,
            tandem._duplicate_id(r_part.id_type, 'd.loser_id'),
            tandem._duplicate_id(r_part.id_type, 'd.keeper_id')
        ) using p_ids, r_part.part;
        v_length := tandem._key_length(r_part.relation, r_part.key_columns);
        return query
        select d.duplicate_id, f.fault
        from tandem.duplicate_plan as d
        cross join lateral (
            select case
                when r_part.is_variant then 'a variant has no name: merge it, or skip it'
                when tandem.is_blank(d.new_name) then 'it has no new_name'
                when pg_catalog.length(d.new_name) > v_length then pg_catalog.format(
                    'new_name is longer than %s characters', v_length)
                when pg_catalog.octet_length(d.new_name) > 2600
                    then 'new_name is longer than 2600 bytes, which do not fit the unique index'
            end as fault
        ) as f
        where d.duplicate_id = any (p_ids) and d.part = r_part.part and d.action = 'rename'
            and f.fault is not null;
        if not r_part.is_variant then
            return query execute pg_catalog.format(
                'with taken as materialized (select %1$s as k from %2$s as t '
                'where %3$s and %1$s = any ($4)) '
                'select d.duplicate_id, pg_catalog.format(''new_name %%L is taken'', d.new_name) '
                'from tandem.duplicate_plan as d where d.duplicate_id = any ($1) and d.part = $2 '
                'and d.action = ''rename'' and (%4$s in (select n.k from taken as n) '
                'or %4$s in (select %5$s from tandem.duplicate_plan as o where o.mapping = $3 and '
                'o.part = $2 and o.state = ''planned'' and o.action = ''rename'' '
                'and o.new_name is not null group by 1 having pg_catalog.count(*) > 1))',
                r_part.key, r_part.relation, r_part.live,
                case when r_part.is_exact then 'd.new_name'
                    else 'tandem.import_key(d.new_name)' end,
                case when r_part.is_exact then 'o.new_name'
                    else 'tandem.import_key(o.new_name)' end
            ) using p_ids, r_part.part, p_mapping, array(
                select case when r_part.is_exact then d.new_name
                    else tandem.import_key(d.new_name) end
                from tandem.duplicate_plan as d
                where d.duplicate_id = any (p_ids) and d.part = r_part.part
                    and d.action = 'rename' and d.new_name is not null
            );
        end if;
        continue when not r_part.merges;
        return query
        with merged as (
            select d.duplicate_id, d.loser_id, d.ignored from tandem.duplicate_plan as d
            where d.duplicate_id = any (p_ids) and d.part = r_part.part and d.action = 'merge'
        ),

        losers as (
            select pg_catalog.array_agg(m.loser_id) as ids from merged as m
        ),

        found as (
            select r.* from losers as l
            cross join lateral tandem._referred_to(p_mapping, r_part.part, l.ids) as r
        )

        select m.duplicate_id, pg_catalog.format(
            '%s has no column to delete a row softly: ALTER TABLE %s ADD COLUMN %I timestamptz;',
            r_part.relation, r_part.relation, p.item ->> 'deleted')
        from merged as m
        join tandem._mapping_of(p_mapping) as g on r_part.deleted_column is null
        cross join lateral pg_catalog.jsonb_array_elements(g.definition -> 'parts') as p (item)
        where p.item ->> 'name' = r_part.part
        union all
        select m.duplicate_id, pg_catalog.format('%s %s', r.relation, r.fault)
        from merged as m
        join tandem._references_to(r_part.relation) as r on r.fault is not null
        where not r.is_readable or exists (
            select from found as f
            where f.constraint_id = r.constraint_id and f.row_id = m.loser_id
        )
        union all
        select m.duplicate_id, pg_catalog.format(
            '%s %s its id without a foreign key: add one; or, where it is no reference, add the '
            'column to ignored', u.label,
            case when u.rows is null then 'may not be read, and may hold' else 'holds' end)
        from losers as l
        cross join lateral tandem._unknown_references(p_mapping, r_part.part, l.ids) as u
        join merged as m on m.loser_id = u.row_id and u.label <> all (m.ignored);
    end loop;
end
$_duplicate_faults$;

comment on function tandem._duplicate_faults(text, bigint[]) is
'Why rows of a plan cannot be applied as the tables are now; nothing for those that can.';
