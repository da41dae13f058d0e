-- A row that was inserted may have changed a master as well, and is counted once.
create or replace function tandem._import_counts(
    p_counts tandem.import_counts, p_inserted integer[], p_updated integer[],
    p_suppressed integer[]
) returns tandem.import_counts
language sql immutable
set search_path = pg_catalog, pg_temp
as $_import_counts$
    select row(
        pg_catalog.cardinality(p_inserted), (
            select pg_catalog.count(*)
            from (
                select u.row_no from pg_catalog.unnest(p_updated) as u (row_no)
                except
                select i.row_no from pg_catalog.unnest(p_inserted || p_suppressed) as i (row_no)
            ) as u
        ), (
            select pg_catalog.count(distinct s.row_no)
            from pg_catalog.unnest(p_suppressed) as s (row_no)
        ), p_counts.failed, p_counts.tried
    )::tandem.import_counts
$_import_counts$;

comment on function tandem._import_counts(
    tandem.import_counts, integer[], integer[], integer[]
) is
'The counts of a batch from the numbers of the rows that were inserted, updated and suppressed.';
