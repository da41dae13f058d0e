-- Not over import_failed_rows: a deployment drops our views in any order.
create view tandem.import_repairs as
select
    x.import_id,
    r.repair,
    -- code and hint of a row are those of the first thing that is wrong with it
    pg_catalog.min(x.sqlstate) filter (where r.place = 1) as sqlstate,
    c.name as column_name,
    pg_catalog.count(*) as rows,
    pg_catalog.count(*) filter (where x.resolved_at is null) as open_rows,
    (pg_catalog.array_agg(
        pg_catalog.format('line %s: %s', coalesce(x.line_no, x.row_no), x.message)
        order by x.row_no
    ))[1:3] as examples,
    pg_catalog.min(x.hint) filter (where r.place = 1) as hint
from tandem.rejected_row as x
cross join lateral pg_catalog.unnest(tandem._repairs_of(x.column_name, x.message)) with ordinality
    as r (repair, place)
cross join lateral (
    select case when x.column_name is not null then pg_catalog.split_part(r.repair, ': ', 1) end
) as c (name)
where x.side = 'import'
group by x.import_id, r.repair, c.name
order by x.import_id desc, pg_catalog.count(*) desc, r.repair;

comment on view tandem.import_repairs is
'What must be repaired in the input of an import, most rows first: how many rows, three examples, '
'what to do; open_rows: how many of the rows are not settled. A row that needs two repairs is '
'counted with both. Operators and admins may read it. Example: select repair, rows, examples, '
'hint from tandem.import_repairs where import_id = 42;';
