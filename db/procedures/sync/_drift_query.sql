-- One full join, the cheap test of a whole row first; only rows that differ are taken apart into
-- their columns. A function of its own, so that it can be read and explained.
create or replace function tandem._drift_query(p_mapping text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_drift_query$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_schema text := 'tandem_' || p_mapping;
    v_key text := pg_catalog.format('flat.%I', v_definition ->> 'key');
    v_status text := pg_catalog.format('flat.%I', v_definition ->> 'status');
    v_leaf text;
    v_link text;
    v_both text;
    v_dated text;
    v_links text;
    v_linked text;
    v_values text;
    v_differs text;
    v_due text;
begin
    select pg_catalog.format('%I.%I', l.name, l.id), pg_catalog.format('flat.%I', l.sync)
    into v_leaf, v_link
    from tandem._levels(p_mapping) as l
    where l.is_leaf;
    -- both sides are there, and the row is not known to differ
    v_both := pg_catalog.format(
        '%s is not null and %s is not null and %s is distinct from ''rejected''',
        v_key, v_leaf, v_status
    );
    select
        pg_catalog.string_agg(pg_catalog.format(
            E',\n(''link'', %1$s and flat.%2$I is distinct from %3$I.%4$I,'
            ' %2$L, flat.%2$I::text, %3$I.%4$I::text)', v_both, l.sync, l.name, l.id
        ), '' order by l.ordinal),
        pg_catalog.string_agg(pg_catalog.format(
            E'\nor flat.%I is distinct from %I.%I', l.sync, l.name, l.id
        ), '' order by l.ordinal)
    into v_links, v_linked
    from tandem._levels(p_mapping) as l
    where not l.is_leaf;
    select
        pg_catalog.string_agg(pg_catalog.format(
            E'\nleft join (\nselect distinct on (s.%1$I) s.%1$I, s.%2$I%3$s\nfrom %4$s as s\n'
            'where s.%2$I <= $1 and %5$s\norder by s.%1$I, s.%2$I desc\n'
            ') as %6$I on %6$I.%1$I = %7$s',
            s.parent, s.effective, (
                -- named one by one: the planner drops no column of a subquery with DISTINCT ON
                select pg_catalog.string_agg(pg_catalog.format(', s.%I', c.hier), '')
                from tandem._mapped(p_mapping) as c
                where c.part = s.name
            ), s.relation, s.condition, s.name, v_leaf
        ), '' order by s.ordinal),
        pg_catalog.string_agg(E'\nor ' || s.differs, '' order by s.ordinal)
    into v_dated, v_due
    from tandem._satellites(p_mapping) as s;
    select
        pg_catalog.string_agg(pg_catalog.format(
            E',\n(%s, %s and %s%s, %L, flat.%I::text, %I.%I::text)',
            case when s.name is null then '''value''' else pg_catalog.format(
                'case when exists (select from %I.due as due where due.leaf_id = %s '
                'and due.satellite = %L and due.effective = %I.%I) '
                'then ''price_due'' else ''value'' end',
                v_schema, v_leaf, s.name, s.name, s.effective
            ) end,
            v_both, c.differs, pg_catalog.format(
                case when c.lead_column is null then '' else ' and %I.%I is not null' end,
                c.part, c.lead_column
            ),
            c.flat, c.flat, c.part, c.hier
        ), '' order by c.ordinal),
        pg_catalog.string_agg(E'\nor ' || c.differs, '' order by c.ordinal)
        filter (where s.name is null)
    into v_values, v_differs
    from tandem._mapped(p_mapping) as c
    left join tandem._satellites(p_mapping) as s on s.name = c.part;
    return pg_catalog.format(
        $query$select
    d.kind, %1$s::text, coalesce(%2$s, %3$s), d.column_name, d.flat_value, d.hierarchy_value
from %4$s as flat
full join (
%5$s%6$s
) on %3$s = %2$s
cross join lateral (
values
('rejected', %7$s = 'rejected', null::text, null::text, null::text),
('not_migrated', %1$s is not null and %3$s is null and %7$s is distinct from 'rejected',
    null, null, null),
('flat_only', %3$s is not null and %2$s is null and %7$s is distinct from 'rejected',
    null, null, null),
('hierarchy_only', %1$s is null, null, null, null)%8$s%9$s
) as d (kind, is_so, column_name, flat_value, hierarchy_value)
where d.is_so and (
%1$s is null or %2$s is null or %7$s is distinct from 'active'%10$s%11$s%12$s
)
limit $2$query$,
        v_key, v_leaf, v_link, v_definition ->> 'flat', tandem._chain(p_mapping, 'left join'),
        v_dated, v_status, v_links, v_values, v_linked, v_differs, v_due
    );
end
$_drift_query$;

comment on function tandem._drift_query(text) is
'SQL: where the two sides of a mapping differ. $1 is the time of the dated rows, $2 a limit.';
