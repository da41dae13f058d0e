-- A table that has taken the name of one that is gone is not written, unless it could have been
-- merged.
create or replace function tandem._reverse_duplicate(
    p_mapping text, p_duplicate bigint, p_run bigint
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_reverse_duplicate$
declare
    v_path text := (tandem._mapping_of(p_mapping)).definition ->> 'path';
    v_relation regclass;
    v_join text;
    v_same text;
    v_set text;
    v_fault text;
    r_plan tandem.duplicate_plan;
    r_part record;
    r_group record;
begin
    select * into strict r_plan from tandem.duplicate_plan as d
    where d.duplicate_id = p_duplicate;
    select * into strict r_part from tandem._duplicate_parts(p_mapping) as p
    where p.part = r_plan.part;
    perform tandem._lock_duplicates(r_part, array[r_plan.loser_id], array[r_plan.keeper_id]);
    for r_group in
        select
            c.table_name, c.before, c.after,
            (pg_catalog.array_agg(c.row_key))[1] as row_key
        from tandem.duplicate_change as c
        where c.duplicate_id = p_duplicate and c.state = 'done'
        group by c.table_name, c.action, c.before, c.after
        order by pg_catalog.max(c.change_id) desc
    loop
        v_relation := pg_catalog.to_regclass(r_group.table_name);
        v_fault := case when v_relation is null then 'the table is gone'
            else 'the table ' || tandem._write_fault(v_relation) end;
        select
            pg_catalog.string_agg(pg_catalog.format('t.%I = (c.row_key ->> %L)::%s', a.attname,
                a.attname, a.type_name), ' and ') filter (where r_group.row_key ? a.attname),
            pg_catalog.string_agg(pg_catalog.format(
                't.%I is not distinct from (c.after ->> %L)::%s', a.attname, a.attname,
                a.type_name), ' and ') filter (where r_group.after ? a.attname),
            pg_catalog.string_agg(pg_catalog.format('%I = (c.before ->> %L)::%s', a.attname,
                a.attname, a.type_name), ', ') filter (where r_group.before ? a.attname)
        into v_join, v_same, v_set
        from (
            select a.attname::text, pg_catalog.format_type(a.atttypid, -1) as type_name
            from pg_catalog.pg_attribute as a
            where a.attrelid = v_relation and a.attnum > 0 and not a.attisdropped
        ) as a;
        if v_fault is null and (v_join is null or v_same is null or v_set is null) then
            v_fault := 'the columns are gone';
        end if;
        if v_fault is null then
            perform tandem._write_logged(v_path, pg_catalog.format(
                'with w as (update %1$s as t set %2$s from tandem.duplicate_change as c where '
                'c.duplicate_id = %3$L::bigint and c.state = ''done'' and c.table_name = %4$L '
                'and c.before = %5$L::jsonb and c.after = %6$L::jsonb and %7$s and %8$s '
                'returning c.change_id), l as (update tandem.duplicate_change as c set state = '
                '''reversed'' from w where c.change_id = w.change_id returning true) '
                'select pg_catalog.count(*) from l',
                v_relation, v_set, p_duplicate, r_group.table_name, r_group.before,
                r_group.after, v_join, v_same
            ));
        end if;
        update tandem.duplicate_change as c
        set state = 'kept', why = coalesce(
            v_fault, 'it was edited since, or deleted: it does not have what was written')
        where c.duplicate_id = p_duplicate and c.state = 'done'
            and c.table_name = r_group.table_name and c.before = r_group.before
            and c.after = r_group.after;
    end loop;
    update tandem.duplicate_plan as d
    set state = 'reversed', approved = false, run_id = p_run, sqlstate = null,
        reversed_at = pg_catalog.clock_timestamp(),
        why = (
            select pg_catalog.format(
                '%s rows were kept as they are, tandem.duplicate_change says why',
                pg_catalog.count(*))
            from tandem.duplicate_change as c
            where c.duplicate_id = p_duplicate and c.state = 'kept'
            having pg_catalog.count(*) > 0
        )
    where d.duplicate_id = p_duplicate;
end
$_reverse_duplicate$;

comment on function tandem._reverse_duplicate(text, bigint, bigint) is
'Takes back what was done for a row of a plan of duplicates, as far as nobody has changed it '
'since.';
