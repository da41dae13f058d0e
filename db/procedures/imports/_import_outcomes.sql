-- The one place that says what counts as a success, a failure, a failed row and the time of an
-- import: figures by hour, alerts, checks and the comparison must not differ in that. An import
-- whose last run ended with an error has failed until somebody goes on with it. Rows that were
-- found wrong by the first look at the input count even where no batch has reached them.
create or replace function tandem._import_outcomes(p_mapping text, p_since timestamptz)
returns table (
    import_id bigint, mapping text, importer text, outcome text, created_at timestamptz,
    started_at timestamptz, ended_at timestamptz, seconds numeric, row_count bigint,
    failed_rows bigint
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_import_outcomes$
    select
        j.import_id, j.mapping, j.importer, o.outcome, j.created_at, j.started_at, e.ended_at,
        pg_catalog.round(extract(epoch from coalesce(
            e.ended_at, case when j.state = 'running' then pg_catalog.clock_timestamp() end
        ) - j.started_at), 3),
        case when x.found > j.failed then j.rows_in else j.next_row - 1 end,
        greatest(x.found, j.failed)
    from tandem.import_job as j
    left join lateral (
        select r.state, r.error_sqlstate, r.finished_at
        from tandem.run as r
        where r.import_id = j.import_id and r.kind = 'run_import' and j.state = 'running'
        order by r.run_id desc
        limit 1
    ) as r on true
    cross join lateral (
        select case
            when j.state = 'done' then 'succeeded'
            when j.state = 'dead' or r.state = 'failed' and r.error_sqlstate is not null
                then 'failed'
            when j.state = 'cancelled' then 'cancelled'
            else 'open'
        end as outcome
    ) as o
    cross join lateral (
        select coalesce(
            j.finished_at, case when o.outcome = 'failed' then r.finished_at end
        ) as ended_at
    ) as e
    cross join lateral (
        select pg_catalog.count(*) as found from tandem.rejected_row as x
        where x.import_id = j.import_id
    ) as x
    where not j.is_dry_run and (p_mapping is null or j.mapping = p_mapping)
        and (p_since is null or coalesce(e.ended_at, pg_catalog.clock_timestamp()) >= p_since)
$_import_outcomes$;

comment on function tandem._import_outcomes(text, timestamptz) is
'A row per import, dry runs left out, that is not ended or ended since then: succeeded, failed, '
'cancelled or open, how long it took (so far), its rows that were looked at, and those that '
'failed.';
