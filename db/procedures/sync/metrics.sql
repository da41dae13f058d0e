create view tandem.metrics as
select m.* from tandem._metrics() as m;

comment on view tandem.metrics is
'Figures for a metrics exporter, a row each: metric, labels as a json object, value. Of mappings: '
'phase (1), rejected, kept, due and overdue rows, stale and sync_on (0 or 1), calls and errors of '
'the sync triggers by direction and how long they took (tandem_sync_seconds_bucket, cumulative, le '
'in seconds); of runs that are still in tandem.run, dry runs left out, by kind: how many, failed, '
'running, rows read and rejected; of imports that are still in tandem.import_job, dry runs left '
'out: queued, running, abandoned (running, with no session at it), dead, how long the oldest '
'waits, rows by importer and outcome. Names that end in _total and _bucket only grow. Readers may '
'read it. Example: select * from tandem.metrics where metric like ''tandem_sync%'';';
