-- Reads with the rights of whoever calls; what it found is kept with those of the owner.
create or replace function tandem.record_import_baseline(
    p_mapping text, p_log text default 'import_logs', p_days integer default 30
) returns tandem.import_baseline
language plpgsql
set search_path = pg_catalog, pg_temp
as $record_import_baseline$
declare
    v_log regclass := tandem._import_log_of(p_mapping, p_log);
    v_from text;
    v_notes text[] := '{}';
    v_has jsonb;
    v_found jsonb;
begin
    perform tandem._check_range('p_days', p_days, 1, 100000);
    if v_log is not null then
        v_from := v_log::text;
        select coalesce(pg_catalog.jsonb_object_agg(a.attname, b.typname), '{}') into v_has
        from pg_catalog.pg_attribute as a
        join pg_catalog.pg_type as t on t.oid = a.atttypid
        join pg_catalog.pg_type as b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
            and b.typnamespace = 'pg_catalog'::regnamespace
        where a.attrelid = v_log and a.attnum > 0 and not a.attisdropped and case a.attname
            when 'created_at' then b.typname in ('timestamptz', 'timestamp', 'date')
            when 'status' then b.typname in ('text', 'varchar', 'bpchar', 'name')
            when 'duration_seconds' then b.typname in (
                'int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'interval'
            )
            when 'success_rate' then b.typname in (
                'int2', 'int4', 'int8', 'numeric', 'float4', 'float8'
            )
        end;
        select v_notes || coalesce(pg_catalog.array_agg(pg_catalog.format(
            '%s: %s has no such column of a type that fits', c.name, v_log
        ) order by c.ordinal), '{}')
        into v_notes
        from pg_catalog.unnest(
            array['created_at', 'duration_seconds', 'status', 'success_rate']
        ) with ordinality as c (name, ordinal)
        where not v_has ? c.name and (c.name <> 'success_rate' or not v_has ? 'status');
    elsif exists (
        select from tandem.import_job as j
        where j.mapping = p_mapping and j.importer = 'old' and not j.is_dry_run
    ) then
        v_notes := array[
            pg_catalog.format('there is no table %s: the old path''s own jobs', p_log)
        ];
        v_has := '{"created_at": "timestamptz", "duration_seconds": "numeric", "status": "text",
            "success_rate": "numeric"}';
        v_from := pg_catalog.format(
            'lateral (
                select o.created_at, o.seconds as duration_seconds, case o.outcome
                        when ''succeeded'' then ''completed'' else o.outcome end as status,
                    100 - 100.0 * o.failed_rows / nullif(o.row_count, 0) as success_rate
                from tandem._import_outcomes(%L, null) as o
                where o.importer = ''old'' and o.outcome in (''succeeded'', ''failed'')
            )', p_mapping
        );
    else
        return tandem._keep_import_baseline(
            p_mapping, 'none', p_days, pg_catalog.jsonb_build_object(
                'notes', array[pg_catalog.format(
                    'there is no table %s, and no import has gone the old path', p_log
                )]
            )
        );
    end if;
    -- The mean is that of completed imports where the log says which are, as people have counted
    -- it; a duration that is NaN, infinite or below 0 is none.
    execute pg_catalog.format(
        'with log as (
            select %1$s as created_at, %2$s as seconds, %3$s as status, %4$s as success_rate
            from %5$s as l
        ),
        seen as (
            select l.* from log as l
            where l.created_at is null or l.created_at
                >= localtimestamp - pg_catalog.make_interval(days => $1)
        )
        select pg_catalog.jsonb_build_object(
            ''rows'', pg_catalog.count(*),
            ''imports'', pg_catalog.count(s.created_at),
            ''mean_seconds'', pg_catalog.round(pg_catalog.avg(s.seconds) filter (
                where s.seconds >= 0 and s.seconds < 1e12
                    and (not $2 or s.status = ''completed'')
            ), 3),
            ''completed'', pg_catalog.count(*) filter (where s.status = ''completed''),
            ''completed_percent'', pg_catalog.round(100.0 * pg_catalog.count(*) filter (
                where s.status = ''completed'') / nullif(pg_catalog.count(s.status), 0), 2),
            ''success_rate'', pg_catalog.round(pg_catalog.avg(s.success_rate) filter (
                where s.success_rate >= 0 and s.success_rate <= 100), 2),
            ''highest_rate'', pg_catalog.max(s.success_rate),
            ''by_hour'', (
                select pg_catalog.jsonb_object_agg(h.hour, (
                    select pg_catalog.count(*) from seen as x
                    where extract(hour from x.created_at) = h.hour
                ))
                from pg_catalog.generate_series(0, 23) as h (hour)
            )
        )
        from seen as s',
        case when v_has ? 'created_at' then 'l.created_at::timestamp' else 'null::timestamp' end,
        case when not v_has ? 'duration_seconds' then 'null::numeric'
            when v_has ->> 'duration_seconds' = 'interval'
                then 'extract(epoch from l.duration_seconds::interval)'
            else 'l.duration_seconds::numeric' end,
        case when v_has ? 'status' then 'l.status::text' else 'null::text' end,
        case when v_has ? 'success_rate' then 'l.success_rate::numeric' else 'null::numeric' end,
        v_from
    )
    into v_found
    using p_days, v_has ? 'status';
    if not v_has ? 'created_at' then
        v_notes := v_notes || 'no created_at: the means are over the whole log'::text;
        v_found := v_found - 'imports' - 'by_hour';
    end if;
    if (v_found ->> 'rows')::bigint = 0 then
        v_notes := v_notes || pg_catalog.format('no import in %s days', p_days);
    elsif v_has ? 'status' and (v_found ->> 'completed')::bigint = 0 then
        v_notes := v_notes || 'no row has the status completed: which words mean success is not '
            'known'::text;
        v_found := v_found - 'completed_percent';
    end if;
    if (v_found ->> 'highest_rate')::numeric <= 1 then
        v_notes := v_notes || 'no success_rate is above 1: taken as shares, not as percent'::text;
        v_found := v_found || pg_catalog.jsonb_build_object(
            'success_rate', 100 * (v_found ->> 'success_rate')::numeric
        );
    end if;
    return tandem._keep_import_baseline(
        p_mapping, coalesce(v_log::text, 'tandem.import_job'), p_days,
        v_found || pg_catalog.jsonb_build_object('notes', v_notes)
    );
end
$record_import_baseline$;

comment on function tandem.record_import_baseline(text, text, integer) is
'Looks how the old import has done, keeps it in tandem.import_baseline and returns it: imports of '
'p_days, mean seconds of the completed ones, percent that completed, imports by hour of the day '
'(of this session''s time zone), and the mean success_rate of the rows in percent. p_log: the old '
'importer''s log, a table with created_at, duration_seconds, status, success_rate, each optional; '
'read with the rights of the caller; in the mapping''s schema unless it names one. Where there is '
'none, the jobs of the old path. What the source does not have is NULL, and notes say why. '
'Operators may call it. Errors: TD001 unknown mapping, 22023 no table, 42501 no right to read it. '
'Example: select imports, mean_seconds, notes from tandem.record_import_baseline(''items'');';
