create view tandem.import_failed_rows as
select
    x.import_id,
    x.mapping,
    x.row_no,
    x.line_no,
    x.column_name,
    x.sqlstate,
    x.message,
    x.hint,
    p.repairs[1] as repair,
    p.repairs,
    j.header,
    x.content,
    case when x.sqlstate <> '22P04' or x.column_name is not null then (
        select pg_catalog.jsonb_object_agg(
            coalesce(nullif(h.name, ''), pg_catalog.concat('#', h.place)), c.value
        )
        from pg_catalog.unnest(j.header) with ordinality as h (name, place)
        left join pg_catalog.json_array_elements_text(x.content) with ordinality
            as c (value, place) on c.place = h.place
    ) end as record,
    x.first_at as failed_at,
    x.resolved_at as settled_at,
    x.resolution as settlement
from tandem.rejected_row as x
join tandem.import_job as j on j.import_id = x.import_id
cross join lateral (select tandem._repairs_of(x.column_name, x.message)) as p (repairs)
where x.side = 'import';

comment on view tandem.import_failed_rows is
'A row per row of an import that was not written because something is wrong with it. message: all '
'that is wrong; column_name, sqlstate and hint are of the first of it. repair: what must be '
'repaired, the same text for all rows with the same trouble, such as "price: is no number that '
'fits numeric(12,2)"; repairs: all of them. header and content: the input''s own names and '
'values; record: the same as an object. A record that could not be read (sqlstate 22P04) has no '
'record, and its raw text as the only element of content. settled_at: since when it needs nobody '
'any more (tandem.settle_failed_rows, an undo, a dry run); settlement: why. Operators and admins '
'may read it. Example: select line_no, message, record from tandem.import_failed_rows where '
'import_id = 42 order by row_no;';
