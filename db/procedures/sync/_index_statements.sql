-- The indexes that are not there yet, as one builds them on a table that is in use. An invalid one
-- is what an attempt that broke off has left.
create or replace function tandem._index_statements(p_mapping text)
returns table (ordinal integer, name text, fault text, statement text)
language sql stable
set search_path = pg_catalog, pg_temp
as $_index_statements$
    select
        x.ordinal, pg_catalog.format('index %s on %s (%s)', x.object, x.relation, x.fault), x.fault,
        case when x.fault = 'is invalid' then pg_catalog.regexp_replace(
            x.undo, '^drop index ', 'drop index concurrently '
        ) || '; ' else '' end
        || pg_catalog.regexp_replace(x.statement, ' index ', ' index concurrently ') || ';'
    from tandem._missing(p_mapping) as x
    where x.kind = 'index'
    order by x.ordinal
$_index_statements$;

comment on function tandem._index_statements(text) is
'The missing or invalid indexes of a mapping, and the statements that build them, each to be sent '
'alone.';
