create or replace function tandem._run_line(p_run bigint) returns text
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_run_line$
    select pg_catalog.format(
        '%s %s: %s rows read%s, %s written, %s unchanged, %s rejected, %s batches, %s rows/s%s%s',
        r.kind, r.mapping, r.read_rows,
        case when r.total_rows > 0 then pg_catalog.format(
            ' of %s (%s %%)', r.total_rows, least(100, 100 * r.read_rows / r.total_rows)) end,
        r.written_rows, r.unchanged_rows, r.rejected_rows, r.batches,
        pg_catalog.round(r.read_rows / greatest(0.001, extract(
            epoch from pg_catalog.clock_timestamp() - r.started_at))),
        case when r.state <> 'running' then ', ' || r.state end,
        ': ' || r.message
    )
    from tandem.run as r
    where r.run_id = p_run
$_run_line$;

comment on function tandem._run_line(bigint) is 'One line that says how far a run is.';
