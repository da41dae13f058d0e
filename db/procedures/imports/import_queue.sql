create view tandem.import_queue as
select
    m.name as mapping,
    pg_catalog.count(*) filter (where j.state = 'queued') as queued,
    pg_catalog.count(*) filter (
        where j.state = 'queued' and j.run_after > pg_catalog.clock_timestamp()
    ) as queued_for_later,
    pg_catalog.round(extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.min(j.created_at)
        filter (where j.state = 'queued')), 0) as oldest_waits_seconds,
    pg_catalog.count(*) filter (where j.state = 'running') as running,
    pg_catalog.count(*) filter (where j.state = 'running' and not exists (
        select from tandem.run as r
        where r.import_id = j.import_id and r.finished_at is null and tandem._running(r.run_id)
    )) as nobody_at_it,
    pg_catalog.count(*) filter (where j.state = 'dead') as dead
from tandem.mapping as m
left join tandem.import_job as j on j.mapping = m.name and not j.is_dry_run
    and j.state in ('queued', 'running', 'dead')
where m.area = 'imports'
group by m.name
order by m.name;

comment on view tandem.import_queue is
'A row per mapping of an import: imports that wait (queued; queued_for_later: to be tried again '
'after a while), for how many seconds the oldest has, those that run, those of them with no '
'session at work, and the dead. Readers may read it. '
'Example: select queued, oldest_waits_seconds from tandem.import_queue where mapping = ''items'';';
