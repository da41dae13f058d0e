-- Jobs that ended before the last purge may have lost their runs and resolved rows, and say
-- nothing of what was kept.
create or replace function tandem._import_checks_of_jobs(p_mapping text)
returns table (
    ordinal integer, check_name text, passed boolean, expected text, actual text, detail text
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_import_checks_of_jobs$
declare
    v_purged timestamptz := (
        select pg_catalog.max((r.params ->> 'before')::timestamptz) from tandem.run as r
        where r.kind = 'purge'
    );
    v_threshold integer := tandem._setting_of('import_background_threshold');
    v_patience integer := tandem._setting_of('import_alert_duration_seconds');
    r_all record;
    r_jobs record;
    r_background record;
begin
    select
        pg_catalog.count(*) filter (where o.outcome = 'succeeded') as succeeded,
        pg_catalog.count(*) as ended
    into r_all
    from tandem._import_outcomes(p_mapping, null) as o
    where o.importer = 'new' and o.outcome in ('succeeded', 'failed');
    select
        pg_catalog.count(*) as jobs,
        pg_catalog.count(*) filter (where b.read_rows = j.next_row - 1) as tracked,
        pg_catalog.count(*) filter (where j.failed > 0) as failing,
        pg_catalog.count(*) filter (where j.failed > 0 and j.state = 'done') as partial,
        pg_catalog.count(*) filter (
            where j.failed > 0 and j.state = 'done' and x.kept = j.failed
        ) as partial_kept,
        coalesce(pg_catalog.sum(j.failed), 0) as failed_rows,
        coalesce(pg_catalog.sum(x.kept), 0) as kept_rows,
        pg_catalog.count(*) filter (where x.kept <> j.failed) as unlike
    into r_jobs
    from tandem.import_job as j
    cross join lateral (
        select pg_catalog.sum(t.read_rows) as read_rows
        from tandem.run as r
        join tandem.run_batch as t on t.run_id = r.run_id
        where r.import_id = j.import_id and r.kind = 'run_import'
    ) as b
    cross join lateral (
        select pg_catalog.count(*) as kept from tandem.rejected_row as w
        where w.import_id = j.import_id and w.row_no < j.next_row and w.content is not null
    ) as x
    where j.mapping = p_mapping and not j.is_dry_run and j.importer = 'new' and j.next_row > 1
        and (v_purged is null or j.finished_at is null or j.finished_at >= v_purged);
    select
        pg_catalog.count(*) filter (where w.by_another and j.state = 'done') as done,
        pg_catalog.count(*) filter (where j.state = 'done') as large,
        pg_catalog.count(*) filter (
            where j.state = 'queued' and j.run_after < pg_catalog.clock_timestamp()
                - pg_catalog.make_interval(secs => v_patience)
        ) as waiting
    into r_background
    from tandem.import_job as j
    cross join lateral (
        select exists (
            select from tandem.run as r
            where r.import_id = j.import_id and r.kind = 'run_import'
                and (r.started_by, r.application) is distinct from (j.submitted_by, j.application)
        ) as by_another
    ) as w
    where j.mapping = p_mapping and not j.is_dry_run and j.rows_in > v_threshold;
    return query
    values
    (
        1, 'imports succeed', 100.0 * r_all.succeeded / nullif(r_all.ended, 0) > 95,
        'more than 95 %', pg_catalog.format('%s %% (%s of %s)', pg_catalog.round(
            100.0 * r_all.succeeded / nullif(r_all.ended, 0), 2
        ), r_all.succeeded, r_all.ended),
        case when r_all.ended = 0 then 'not measurable here: no import has ended yet'
            else 'imports that ended done, of those that ended; cancelled ones and dry runs left '
            'out' end
    ),
    (
        4, 'progress is tracked', r_jobs.tracked = nullif(r_jobs.jobs, 0),
        pg_catalog.format('%s imports', r_jobs.jobs), pg_catalog.format('%s', r_jobs.tracked),
        case when r_jobs.jobs = 0 then 'not measurable here: no import has written a batch yet'
            else 'imports whose batches in tandem.run_batch add up to the rows that they did' end
    ),
    (
        5, 'large imports are done in the background', case
            when r_background.waiting > 0 then false when r_background.done > 0 then true
        end, 'one done by another session, none left waiting',
        pg_catalog.format(
            '%s done by another session, %s waiting longer than %s s', r_background.done,
            r_background.waiting, v_patience
        ),
        case when r_background.waiting > 0 then 'is a worker running? tandem.import_queue'
            when r_background.done > 0 then pg_catalog.format(
                'imports of more than %s rows, by who and what application began their run',
                v_threshold
            )
            else pg_catalog.format(
                'not measurable here: none of the %s done imports of more than %s rows was done '
                'by another role or application than had submitted it',
                r_background.large, v_threshold
            )
        end
    ),
    (
        6, 'partial success is handled', r_jobs.partial_kept = nullif(r_jobs.partial, 0),
        pg_catalog.format('%s imports', r_jobs.partial),
        pg_catalog.format('%s', r_jobs.partial_kept),
        case when r_jobs.partial = 0
            then 'not measurable here: no import has ended done with failed rows yet'
            else 'imports that ended done though rows failed, with all of those kept' end
    ),
    (
        10, 'failed rows are kept', case when r_jobs.failing > 0 or r_jobs.unlike > 0
            then r_jobs.unlike = 0 end,
        pg_catalog.format('%s rows', r_jobs.failed_rows),
        pg_catalog.format('%s', r_jobs.kept_rows),
        case when r_jobs.failing = 0 and r_jobs.unlike = 0
            then 'not measurable here: no row has failed yet'
            else pg_catalog.format(
                'rows counted as failed, and those in tandem.rejected_row; they differ in %s '
                'imports', r_jobs.unlike
            )
        end
    );
end
$_import_checks_of_jobs$;

comment on function tandem._import_checks_of_jobs(text) is
'The checks of tandem.validate_imports that are about jobs and their rows.';
