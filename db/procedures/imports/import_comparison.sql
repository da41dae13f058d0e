create view tandem.import_comparison as
select
    m.name as mapping,
    case when b.baseline_id is not null then b.source when p.imports > 0 then 'tandem.import_job'
    end as old_source,
    coalesce(b.imports, nullif(p.imports, 0)) as old_imports,
    s.old_mean_seconds,
    case when b.baseline_id is not null then b.completed_percent else p.success_rate end
        as old_success_rate,
    case when b.baseline_id is not null then 100 - b.success_rate else p.error_rate end
        as old_error_rate,
    n.imports as new_imports,
    n.mean_seconds as new_mean_seconds,
    n.success_rate as new_success_rate,
    n.error_rate as new_error_rate,
    pg_catalog.round(
        (s.old_mean_seconds - n.mean_seconds) / nullif(s.old_mean_seconds, 0) * 100, 1
    ) as improvement_percent
from tandem.mapping as m
left join lateral (
    select x.* from tandem.import_baseline as x
    where x.mapping = m.name and x.imports > 0
    order by x.baseline_id desc
    limit 1
) as b on true
cross join lateral tandem._import_figures(m.name, 'old', 30) as p
cross join lateral tandem._import_figures(m.name, 'new', 7) as n
cross join lateral (
    select case when b.baseline_id is not null then b.mean_seconds else p.mean_seconds end
        as old_mean_seconds
) as s
where m.area = 'imports'
order by m.name;

comment on view tandem.import_comparison is
'The old import against the new one, a row per mapping: imports, mean seconds, success_rate '
'(percent of imports), error_rate (percent of rows). Old: the last tandem.import_baseline that '
'counted any, else the old path''s jobs of 30 days; new: the jobs of 7 days. improvement_percent: '
'(old - new) / old of the mean seconds. NULL where there is nothing. Readers may read it. '
'Example: select improvement_percent from tandem.import_comparison where mapping = ''items'';';
