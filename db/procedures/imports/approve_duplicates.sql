-- A plan has no statistics while it is written, and what is joined is large.
create or replace function tandem.approve_duplicates(p_mapping text)
returns table (
    duplicate_id bigint, part text, loser_id text, keeper_id text, action text, approved boolean,
    why text
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set jit = off
as $approve_duplicates$
declare
    v_ids bigint[];
    r_part record;
begin
    perform tandem._require_import(p_mapping);
    perform from tandem.mapping as m where m.name = p_mapping for no key update;
    -- another row gives way than was planned: it has another name
    for r_part in select * from tandem._duplicate_parts(p_mapping) loop
        execute pg_catalog.format(
            'with due as materialized (select d.duplicate_id, d.new_name like '
            '''%% (duplicate-%%'' as is_ours from tandem.duplicate_plan as d where d.mapping = $1 '
            'and d.part = $2 and d.state = ''planned'' and d.loser_id <> d.planned_loser), '
            'told as (update tandem.duplicate_plan as d set planned_loser = d.loser_id, '
            'old_name = %1$s from due as n, %2$s as t '
            'where n.duplicate_id = d.duplicate_id and t.%3$I = %4$s '
            'returning d.duplicate_id, n.is_ours) '
            'select pg_catalog.array_agg(x.duplicate_id) from told as x where x.is_ours',
            r_part.label, r_part.relation, r_part.id_column,
            tandem._duplicate_id(r_part.id_type, 'd.loser_id')
        ) into v_ids using p_mapping, r_part.part;
        perform tandem._name_duplicates(p_mapping, r_part.part, v_ids);
    end loop;
    return query
    with faults as materialized (
        select f.duplicate_id, pg_catalog.string_agg(f.fault, '; ') as fault
        from tandem._duplicate_faults(p_mapping, array(
            select d.duplicate_id from tandem.duplicate_plan as d
            where d.mapping = p_mapping and d.state = 'planned' and d.action <> 'skip'
        )) as f
        group by f.duplicate_id
    ),

    settled as (
        update tandem.duplicate_plan as d
        set approved = d.action <> 'skip' and x.fault is null, why = x.fault
        from (
            select p.duplicate_id, f.fault
            from tandem.duplicate_plan as p
            left join faults as f on f.duplicate_id = p.duplicate_id
            where p.mapping = p_mapping and p.state = 'planned'
        ) as x
        where d.duplicate_id = x.duplicate_id
        returning d.*
    )

    select
        s.duplicate_id, s.part, s.loser_id, s.keeper_id, s.action, s.approved,
        coalesce(s.why, case when s.action = 'skip' then 'it is left as it is' end)
    from settled as s
    order by s.approved, s.duplicate_id;
end
$approve_duplicates$;

comment on function tandem.approve_duplicates(text) is
'Approves each row of the plan that can be applied as the tables are now, and says of the others '
'why not, these first. tandem.apply_duplicates looks again. Admins may call it. Example: select * '
'from tandem.approve_duplicates(''items'') where not approved;';
