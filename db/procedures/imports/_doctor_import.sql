create or replace function tandem._doctor_import(p_mapping text)
returns table (ordinal integer, check_name text, state text, value text, cure text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_doctor_import$
    select 100, 'phase', case m.phase when 'deployed' then 'note' else 'ok' end, m.phase,
        case m.phase when 'deployed' then tandem._next_step(p_mapping) end
    from tandem._mapping_of(p_mapping) as m
    union all
    select
        110, 'what it needs', case when pg_catalog.count(*) > 0 then 'problem' else 'ok' end,
        coalesce(pg_catalog.string_agg(
            pg_catalog.format('%s %s on %s (%s)', x.kind, x.object, x.relation, x.fault), ', '
            order by x.ordinal
        ), 'is there'),
        case when pg_catalog.count(*) > 0
            then pg_catalog.format('CALL tandem.prepare(%L);', p_mapping) end
    from tandem._mapping_of(p_mapping) as m
    cross join lateral tandem._missing(p_mapping) as x
    where m.phase <> 'deployed'
    union all
    select
        120, 'imports that stand still',
        case when pg_catalog.count(*) > 0 then 'problem' else 'ok' end,
        coalesce(pg_catalog.string_agg(
            pg_catalog.format('%s (%s: %s)', h.import_id, h.health, h.why), ', '
            order by h.import_id
        ), 'none'),
        pg_catalog.min(h.cure)
    from tandem.import_health() as h
    join tandem.import_job as j on j.import_id = h.import_id
    where j.mapping = p_mapping and h.health in ('stalled', 'slow', 'dead')
    union all
    select
        130, 'failed rows', case when pg_catalog.count(*) > 0 then 'note' else 'ok' end,
        pg_catalog.count(*)::text,
        case when pg_catalog.count(*) > 0
            then 'SELECT * FROM tandem.import_repairs WHERE open_rows > 0;  -- what must be '
                'repaired; when it is: SELECT tandem.settle_failed_rows(import_id);' end
    from tandem.rejected_row as r
    where r.mapping = p_mapping and r.resolved_at is null
$_doctor_import$;

comment on function tandem._doctor_import(text) is
'The rows of tandem.doctor for a mapping of an import.';
