-- Row by row each change is kept by itself, so that it goes with its row if that fails; who undoes
-- an import goes by batches.
create or replace function tandem._gather_changes(
    p_import bigint, p_from integer, p_to integer, p_batch_rows integer
) returns void
language sql
set search_path = pg_catalog, pg_temp
as $_gather_changes$
    with single as (
        delete from tandem.import_change as c
        where c.import_id = p_import and c.from_row between p_from and p_to
        returning c.from_row, c.table_name, c.action, (c.images -> 0)::jsonb as image,
            c.xmin as writer, c.overwrote[1] as overwrote
    ),

    -- what was changed twice, was once what it was first, and is what it was made last
    whole as (
        select
            s.table_name, s.action, pg_catalog.min(s.from_row) as first_row,
            pg_catalog.jsonb_build_array(
                s.image -> 0,
                (pg_catalog.array_agg(s.image -> 1 order by s.from_row))[1],
                (pg_catalog.array_agg(s.image -> 2 order by s.from_row desc))[1]
            ) as image,
            (pg_catalog.array_agg(s.writer order by s.from_row desc))[1] as writer,
            (pg_catalog.array_agg(s.overwrote order by s.from_row))[1] as overwrote
        from single as s
        group by s.table_name, s.action, s.image -> 0
    )

    insert into tandem.import_change (
        import_id, from_row, table_name, action, images, written_by, overwrote
    )
    select
        p_import, b.from_row, w.table_name, w.action,
        pg_catalog.json_agg(w.image order by w.first_row),
        pg_catalog.array_agg(w.writer),
        case when w.action <> 'insert' then
            pg_catalog.array_agg(w.overwrote order by w.first_row) end
    from whole as w
    cross join lateral (
        values (p_from + (w.first_row - p_from) / p_batch_rows * p_batch_rows)
    ) as b (from_row)
    group by b.from_row, w.table_name, w.action
$_gather_changes$;

comment on function tandem._gather_changes(bigint, integer, integer, integer) is
'Puts the changes of an import that were kept row by row together, a batch''s rows each.';
