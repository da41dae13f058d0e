create or replace function tandem._compare_import(p_import bigint, p_order text)
returns table (check_name text, passed boolean, old text, new text, detail text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_compare_import$
declare
    v_first text := case
        when p_order = 'random' and pg_catalog.random() < 0.5 or p_order = 'old first' then 'old'
        else 'new'
    end;
    r_old tandem.import_path;
    r_new tandem.import_path;
begin
    -- it is deleted below
    if not exists (
        select from tandem.import_job as j
        where j.import_id = p_import and tandem._is_ours(j.xmin)
    ) then
        raise exception 'import % was not submitted by this comparison', p_import
        using errcode = 'invalid_parameter_value',
            detail = 'A comparison takes back what it compares.',
            hint = 'Nothing was done. SELECT * FROM tandem.compare_import(...); hands in its own.';
    end if;
    if v_first = 'old' then
        r_old := tandem._compare_path(p_import, 'old');
    end if;
    r_new := tandem._compare_path(p_import, 'new');
    if v_first = 'new' then
        r_old := tandem._compare_path(p_import, 'old');
    end if;
    delete from tandem.import_row as r where r.import_id = p_import;
    delete from tandem.import_job as j where j.import_id = p_import;
    return query
    select c.name, c.old = c.new, c.old, c.new, case c.name
        when 'updated or unchanged' then pg_catalog.format(
            'updated: old %s, new %s; a change of a master counts with one row of a batch',
            r_old.counts ->> 'updated', r_new.counts ->> 'updated'
        )
        when 'state' then nullif(pg_catalog.concat_ws('; ',
            'old: ' || (r_old.counts ->> 'error_message'),
            'new: ' || (r_new.counts ->> 'error_message')
        ), '') end
    from (
        select k.name, r_old.counts ->> k.name as old, r_new.counts ->> k.name as new, k.position
        from pg_catalog.unnest(array[
            'state', 'processed', 'failed', 'inserted', 'updated or unchanged', 'superseded',
            'suppressed'
        ]) with ordinality as k (name, position)
    ) as c
    order by c.position;
    return query
    select
        'failed rows', pg_catalog.count(*) filter (where d.differs) = 0,
        pg_catalog.count(d.old)::text, pg_catalog.count(d.new)::text, pg_catalog.string_agg(
            pg_catalog.format('row %s: old %s, new %s', d.row_no, coalesce(d.old, 'written'),
                coalesce(d.new, 'written')), '; ' order by d.row_no
        ) filter (where d.differs and d.rank <= 3)
    from (
        select
            x.*, pg_catalog.row_number() over (
                partition by x.differs order by x.row_no
            ) as rank
        from (
            select
                coalesce(o.key, n.key)::integer as row_no, o.value as old, n.value as new,
                (o.key is null) <> (n.key is null) as differs
            from pg_catalog.jsonb_each_text(r_old.failed) as o
            full join pg_catalog.jsonb_each_text(r_new.failed) as n on n.key = o.key
        ) as x
    ) as d;
    return query
    select
        'rows of ' || o.key, o.value = n.value, o.value, n.value, null::text
    from pg_catalog.jsonb_each_text(r_old.table_rows) as o
    join pg_catalog.jsonb_each_text(r_new.table_rows) as n on n.key = o.key
    order by o.key;
    return query
    with old_rows (row_written) as (
        select e.e from pg_catalog.unnest(r_old.written) as e
    ),

    new_rows (row_written) as (
        select e.e from pg_catalog.unnest(r_new.written) as e
    ),

    differences as (
        select x.*, pg_catalog.row_number() over (
            partition by x.side, x.row_written -> 0 order by x.row_written
        ) as rank
        from (
            select 'old' as side, d.row_written
            from (table old_rows except all table new_rows) as d
            union all
            select 'new', d.row_written
            from (table new_rows except all table old_rows) as d
        ) as x
    )

    select
        'written to ' || t.key, not exists (
            select from differences as d where d.row_written ->> 0 = t.key
        ), (
            select pg_catalog.count(*)::text from old_rows as o where o.row_written ->> 0 = t.key
        ), (
            select pg_catalog.count(*)::text from new_rows as n where n.row_written ->> 0 = t.key
        ), (
            select pg_catalog.string_agg(
                pg_catalog.format('only %s: %s', d.side, d.row_written -> 1), '; '
                order by d.row_written, d.side
            )
            from differences as d
            where d.row_written ->> 0 = t.key and d.rank <= 3
        )
    from pg_catalog.jsonb_each_text(r_old.table_rows) as t
    order by t.key;
    return query
    select
        'milliseconds', null::boolean, pg_catalog.round(r_old.milliseconds, 1)::text,
        pg_catalog.round(r_new.milliseconds, 1)::text,
        pg_catalog.format('%s first; each in one transaction that was taken back', v_first);
    return query
    select
        'WAL bytes', null::boolean, r_old.wal_bytes::text, r_new.wal_bytes::text,
        'of the whole server meanwhile';
end
$_compare_import$;

comment on function tandem._compare_import(bigint, text) is
'Does an import that was submitted in this transaction by both paths, takes all back and says what '
'differs.';
