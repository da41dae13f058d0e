-- A share is judged by the bound that it is beyond with 95 % confidence, and not at all below a
-- minimum of imports or rows: one import of three that failed says little, six of forty much. Rows
-- of one file fail together, so that the bound of rows says how sure it is of these rows, not of
-- files to come.
create or replace function tandem.import_alerts(
    p_mapping text default null, p_since interval default '48 hours'
)
returns table (
    alert text, subject text, fired boolean, severity text, value numeric, threshold numeric,
    sample bigint, bound numeric, detail text, query text
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $import_alerts$
declare
    v_since timestamptz := pg_catalog.clock_timestamp() - p_since;
    v_success numeric := tandem._setting_of('import_alert_success_percent');
    v_error numeric := tandem._setting_of('import_alert_error_percent');
    v_seconds numeric := tandem._setting_of('import_alert_duration_seconds');
    v_least bigint := tandem._setting_of('import_alert_min_sample');
begin
    if p_mapping is not null then
        perform tandem._mapping_of(p_mapping);
    end if;
    return query
    select
        a.alert, m.name, coalesce(a.fired, false) and (a.sample >= a.least), a.severity,
        pg_catalog.round(a.value, 2), a.threshold, a.sample,
        pg_catalog.round(a.bound::numeric, 2),
        a.detail || case
            when a.sample < a.least
                then pg_catalog.format('; fewer than %s are not judged', a.least)
            when a.fired then ': ' || a.cure
            else ''
        end,
        a.query
    from tandem.mapping as m
    cross join lateral (
        select
            pg_catalog.count(*) filter (where o.outcome = 'succeeded') as succeeded,
            pg_catalog.count(*) filter (where o.outcome in ('succeeded', 'failed')) as ended,
            coalesce(pg_catalog.sum(o.row_count), 0)::bigint as looked_at,
            coalesce(pg_catalog.sum(o.failed_rows), 0)::bigint as failed,
            pg_catalog.count(o.seconds) as timed,
            pg_catalog.max(o.seconds) as longest,
            pg_catalog.count(*) filter (where o.seconds > v_seconds) as slow,
            pg_catalog.count(*) filter (where o.seconds > v_seconds and o.ended_at is null) as late
        from tandem._import_outcomes(m.name, v_since) as o
        where o.importer = 'new'
    ) as s
    cross join lateral (
        values
        (
            1, 'success rate', 'critical', 100.0 * s.succeeded / nullif(s.ended, 0), v_success,
            s.ended, v_least, 100 * tandem._wilson_upper(s.succeeded, s.ended),
            100 * tandem._wilson_upper(s.succeeded, s.ended) < v_success,
            pg_catalog.format('%s of %s imports succeeded', s.succeeded, s.ended),
            'investigate at once',
            'select j.import_id, j.state, j.stage, j.next_row - 1 as done_rows, j.rows_in, '
            'j.error_sqlstate, j.error_message, r.error_sqlstate as run_sqlstate, '
            'r.error_message as run_message, j.source, o.ended_at '
            'from tandem._import_outcomes(%1$L, %2$L) as o '
            'join tandem.import_job as j using (import_id) '
            'left join lateral (select x.* from tandem.run as x '
            'where x.import_id = j.import_id and x.kind = ''run_import'' '
            'order by x.run_id desc limit 1) as r on true '
            'where o.outcome = ''failed'' and o.importer = ''new'' order by o.ended_at desc'
        ),
        (
            2, 'duration', 'warning', s.longest, v_seconds, s.timed, 1, null,
            s.slow > 0,
            pg_catalog.format(
                '%s of %s imports took longer than %s s%s', s.slow, s.timed, v_seconds,
                case when s.late > 0 then pg_catalog.format(' (still running: %s)', s.late) end
            ), 'look at the database (tandem.import_advice, tandem.doctor)',
            'select o.import_id, o.outcome, o.seconds, o.row_count, o.started_at, o.ended_at, '
            'b.batches, b.milliseconds, b.longest_ms '
            'from tandem._import_outcomes(%1$L, %2$L) as o '
            'left join lateral (select count(*) as batches, sum(x.milliseconds) as milliseconds, '
            'max(x.milliseconds) as longest_ms from tandem.run_batch as x '
            'join tandem.run as r using (run_id) where r.import_id = o.import_id '
            'and r.kind = ''run_import'') as b on true '
            'where o.seconds > %3$s and o.importer = ''new'' order by o.seconds desc'
        ),
        (
            3, 'error rate', 'warning', 100.0 * s.failed / nullif(s.looked_at, 0), v_error,
            s.looked_at, v_least, 100 * tandem._wilson_lower(s.failed, s.looked_at),
            100 * tandem._wilson_lower(s.failed, s.looked_at) > v_error,
            pg_catalog.format('%s of %s rows failed', s.failed, s.looked_at),
            'look at their errors',
            'select x.sqlstate, x.column_name, count(*) as failed_rows, '
            'count(distinct x.import_id) as imports, min(x.message) as for_example '
            'from tandem._import_outcomes(%1$L, %2$L) as o '
            'join tandem.rejected_row as x using (import_id) where o.importer = ''new'' '
            'group by x.sqlstate, x.column_name order by 3 desc'
        )
    ) as x (
        ordinal, alert, severity, value, threshold, sample, least, bound, fired, detail, cure,
        query
    )
    cross join lateral (
        select
            x.ordinal, x.alert, x.severity, x.value, x.threshold, x.sample, x.least, x.bound,
            x.fired, x.detail, x.cure,
            pg_catalog.format(x.query, m.name, v_since, v_seconds) as query
    ) as a
    where m.area = 'imports' and (p_mapping is null or m.name = p_mapping)
    order by m.name, a.ordinal;
end
$import_alerts$;

comment on function tandem.import_alerts(text, interval) is
'Judges the new imports that are not ended, or ended within p_since (NULL: all): three rows a '
'mapping. success rate: percent of the ended imports, which are too few (cancelled ones do not '
'count); duration: seconds of the longest, running ones up to now; error rate: percent of the rows '
'looked at that failed. value against threshold (tandem.setting import_alert_*); a share fires '
'only where its one-sided 95 % bound (Wilson) is beyond the threshold too, and sample is '
'import_alert_min_sample at least. query lists what is behind it, and takes an operator. '
'p_mapping: NULL for all. Readers may call it. Error: TD001. '
'Example: select alert, subject, value, detail from tandem.import_alerts() where fired;';
