create or replace function tandem.analyze(p_mapping text)
returns table (
    severity text, finding text, subject text, count bigint, sample text, cure text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $analyze$
    select f.severity, f.finding, f.subject, f.count, f.sample, f.cure
    from tandem._findings(p_mapping) with ordinality
        as f (severity, finding, subject, count, sample, cure, position)
    order by
        pg_catalog.array_position(array['blocker', 'warning', 'note'], f.severity), f.position
$analyze$;

comment on function tandem.analyze(text) is
'What stands in the way, what will be rejected, what the rows stand for: a row per finding, '
'severity blocker, warning or note in this order, with a cure. Reads only. Operators may call it. '
'Example: select * from tandem.analyze(''products'');';
