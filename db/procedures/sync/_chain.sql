create or replace function tandem._chain(p_mapping text, p_join text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $_chain$
    select pg_catalog.string_agg(
        case when l.is_leaf then pg_catalog.format('%s as %I', l.relation, l.name) else '' end
        || pg_catalog.format(
            E'\n%s %s as %I on %I.%I = %I.%I',
            p_join, l.above_relation, l.above, l.above, l.above_id, l.name, l.parent
        ), '' order by l.ordinal desc
    ) filter (where l.parent is not null)
    from tandem._levels(p_mapping) as l
$_chain$;

comment on function tandem._chain(text, text) is
'SQL: the leaf and the levels above it, joined by ids, each under its name; p_join is join or '
'left join.';
