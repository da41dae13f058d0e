create view tandem.import_changes as
select
    c.import_id,
    c.from_row,
    c.table_name,
    c.action,
    i.image ->> 0 as row_id,
    nullif(i.image -> 1, 'null') as before,
    nullif(i.image -> 2, 'null') as after,
    (
        select pg_catalog.jsonb_object_agg(
            k.name, pg_catalog.jsonb_build_array(i.image -> 1 -> k.name, i.image -> 2 -> k.name)
        )
        from (
            select a.name from pg_catalog.jsonb_object_keys(
                coalesce(nullif(i.image -> 2, 'null'), i.image -> 1)
            ) as a (name)
        ) as k
        where coalesce(i.image -> 1 -> k.name, 'null')
            is distinct from coalesce(i.image -> 2 -> k.name, 'null')
    ) as changed
from tandem.import_change as c
cross join lateral pg_catalog.jsonb_array_elements(c.images::jsonb) with ordinality
    as i (image, place)
order by c.import_id desc, c.from_row, c.table_name, c.action, i.place;

comment on view tandem.import_changes is
'A row per row of a table that an import changed, or would change where it was a dry run: the id, '
'the imported columns before (NULL for an insert) and after, and of those the ones that differ, as '
'{column: [before, after]}. from_row: the first row of the batch that did it. Operators and admins '
'may read it. Example: select table_name, action, row_id, changed from tandem.import_changes where '
'import_id = 42;';
