create or replace function tandem._run_line(p_run bigint) returns text
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_run_line$
    select case when r.kind = 'prepare' then pg_catalog.format(
        '%s: %s statements, %s', pg_catalog.concat_ws(' ', r.kind, r.mapping),
        coalesce(r.cursor ->> 'made', '0'), coalesce(r.message, r.state)
    ) else pg_catalog.format(
        '%s%s: %s rows read%s, %s written, %s unchanged, %s rejected, %s batches, %s rows/s%s%s',
        pg_catalog.concat_ws(' ', r.kind, r.mapping, 'import ' || r.import_id),
        case when (r.params ->> 'dry_run')::boolean then ' (dry run)' end, r.read_rows,
        case when r.total_rows > 0 then pg_catalog.format(
            ' of %s (%s %%)', r.total_rows, case
                -- an import's total is exact, and it may end before its last row; others' is not
                when r.state = 'done' and r.kind <> 'run_import' then 100
                else least(100, 100 * r.read_rows / r.total_rows) end) end,
        r.written_rows, r.unchanged_rows, r.rejected_rows, r.batches,
        coalesce(s.rate, 0),
        case when r.state <> 'running' then ', ' || r.state end,
        ': ' || nullif(r.message, r.state)
    ) end
    from tandem.run as r
    cross join lateral (
        -- of this attempt: nobody was at it between two
        select pg_catalog.round(pg_catalog.sum(b.read_rows) / greatest(0.001, extract(
            epoch from pg_catalog.max(b.finished_at) - pg_catalog.min(
                b.finished_at - pg_catalog.make_interval(secs => b.milliseconds::float8 / 1000)
            )
        ))) as rate
        from tandem.run_batch as b
        where b.run_id = r.run_id and b.attempt = r.attempt and b.read_rows > 0
    ) as s
    where r.run_id = p_run
$_run_line$;

comment on function tandem._run_line(bigint) is 'One line that says how far a run is.';
