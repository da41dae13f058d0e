create or replace function tandem.import_advice(p_mapping text)
returns table (topic text, advice text, detail text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $import_advice$
declare
    v_size integer := tandem._setting_of('import_batch_size');
    v_imports bigint := (
        select pg_catalog.count(*) from tandem.import_job as j
        where j.mapping = p_mapping and j.next_row > 1
    );
    v_best integer;
    r_batches record;
begin
    perform tandem._require_phase(p_mapping, 'import_advice', array['ready', 'retired']);
    -- batches of about the size that is set; small ones have another cost per row
    select
        pg_catalog.count(*) as batches,
        pg_catalog.round((pg_catalog.percentile_cont(0.95) within group (
            order by t.milliseconds))::numeric, 1) as p95
    into r_batches
    from tandem.run as r
    join tandem.run_batch as t on t.run_id = r.run_id
    where r.mapping = p_mapping and r.kind = 'run_import'
        and t.read_rows between 0.5 * v_size and 1.5 * v_size;
    v_best := greatest(50, least(
        10000, (pg_catalog.round(v_size * 150 / greatest(r_batches.p95, 1) / 50) * 50)::integer
    ));
    return query
    select
        'batch size', case
            when r_batches.p95 not between 50 and 250 and v_best <> v_size then pg_catalog.format(
                'UPDATE tandem.setting SET value = %L WHERE name = ''import_batch_size'';', v_best
            )
        end, case when r_batches.batches = 0
            then pg_catalog.format('not measurable here: no batch of about %s rows yet', v_size)
            else pg_catalog.format(
                'p95 of %s batches of about %s rows is %s ms; between 50 and 250 others wait '
                'so long at most, and the commits cost little', r_batches.batches, v_size,
                r_batches.p95
            )
        end;
    return query
    with tables as (
        select q.ordinal, q.relation, s.*
        from tandem._requirements(p_mapping) as q
        left join pg_catalog.pg_stat_all_tables as s
            on s.relid = pg_catalog.to_regclass(q.relation)
        where q.kind = 'table'
    ),

    found (part, ordinal, topic, advice, detail) as (
        select
            1, q.ordinal, pg_catalog.format('index %s on %s', q.object, q.relation), case
                when i.indexrelid is null then 'SELECT * FROM tandem.plan(mapping): it is missing'
                when v_imports > 0 and i.idx_scan = 0
                    and pg_catalog.pg_relation_size(i.relid) > 16 * 8192
                    then 'warning: no import has used it; EXPLAIN a batch''s look-up, and ANALYZE'
            end, pg_catalog.format(
                'scanned %s times in %s imports; a table of a few pages is read without it',
                i.idx_scan, v_imports
            )
        from tandem._requirements(p_mapping) as q
        left join pg_catalog.pg_stat_all_indexes as i
            on i.relid = pg_catalog.to_regclass(q.relation) and i.indexrelname = q.object
        where q.kind = 'index' and q.is_unique
        union all
        select
            2, t.ordinal, pg_catalog.format('dead rows of %s', t.relation), case
                when t.n_dead_tup > 1000 and t.n_dead_tup > 0.2 * (t.n_live_tup + t.n_dead_tup)
                    then pg_catalog.format('VACUUM (ANALYZE) %s;', t.relation)
                when t.n_tup_upd > 1000 and t.n_tup_hot_upd < 0.5 * t.n_tup_upd
                    then pg_catalog.format('ALTER TABLE %s SET (fillfactor = 85);', t.relation)
            end, pg_catalog.format(
                '%s dead of %s', t.n_dead_tup, t.n_live_tup + t.n_dead_tup
            ) || case
                when t.n_tup_upd > 0 then pg_catalog.format(
                    '; %s %% of %s updates stayed in their page (HOT), which a fillfactor below '
                    '100 helps where they change no indexed column',
                    pg_catalog.round(100.0 * t.n_tup_hot_upd / t.n_tup_upd, 0), t.n_tup_upd
                )
                else '; no updates'
            end
        from tables as t
        union all
        select
            3, t.ordinal, pg_catalog.format('statistics of %s', t.relation), case
                when v_imports > 0 and coalesce(t.last_analyze, t.last_autoanalyze) is null
                    then pg_catalog.format('ANALYZE %s;', t.relation)
            end, coalesce(
                'analyzed last at ' || greatest(t.last_analyze, t.last_autoanalyze)::text,
                'never analyzed: the planner knows nothing of it'
            )
        from tables as t
    )

    select f.topic, f.advice, f.detail from found as f
    order by f.part, f.ordinal;
end
$import_advice$;

comment on function tandem.import_advice(text) is
'What would make imports quicker, a row per topic: advice (a statement or a warning; NULL: nothing '
'to do) and what was seen. Topics: import_batch_size by the milliseconds of batches (95 of 100), '
'use of the unique indexes, dead rows and updates in their page, tables that were never analyzed. '
'From the statistics of the server, which a crash or pg_stat_reset empties. Operators may call it. '
'Errors: TD001, TD002 before prepare. '
'Example: select topic, advice from tandem.import_advice(''items'') where advice is not null;';
