-- As the parts that ON CONFLICT infers an index by: what it is over, over which rows, whether NULLs
-- are the same. A cast to text of a column of varchar says nothing.
create or replace function tandem._index_form(p_index oid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_index_form$
    select pg_catalog.format(
        '(%s)%s%s', (
            select pg_catalog.string_agg(pg_catalog.regexp_replace(
                pg_catalog.pg_get_indexdef(i.indexrelid, k.position, false),
                '[(]([^()]+)[)]::text', e'\\1'
            ), ', ' order by k.position)
            from pg_catalog.generate_series(1, i.indnkeyatts::integer) as k (position)
        ),
        case when i.indnullsnotdistinct then ' nulls not distinct' end,
        ' where ' || pg_catalog.pg_get_expr(i.indpred, i.indrelid)
    )
    from pg_catalog.pg_index as i
    where i.indexrelid = p_index
$_index_form$;

comment on function tandem._index_form(oid) is
'What an index is over, as text: (columns or expressions) nulls not distinct where (predicate).';
