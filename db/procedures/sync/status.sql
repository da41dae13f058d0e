create view tandem.status as
select s.* from tandem._status() as s;

comment on view tandem.status is
'A row per mapping: phase, which directions are on, rejected, kept and due rows, calls, errors and '
'mean milliseconds of the sync triggers per direction (mean from a histogram), what changed in the '
'tables since prepare (stale), and the next step as SQL. Readers may read it. '
'Example: select mapping, phase, next_step from tandem.status;';
