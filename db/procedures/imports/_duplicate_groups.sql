-- Two hashed passes over a table: one counts by key, the other reads the rows of the groups that
-- are shown. Nothing is sorted but those.
create or replace function tandem._duplicate_groups(
    p_mapping text, p_limit integer, p_notes boolean
)
returns table (
    part text, relation regclass, is_blocking boolean, reason text, key text, rows bigint,
    ids text[], samples text[], groups bigint
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_duplicate_groups$
declare
    v_query constant text := $query$
        with g as (
            select %3$s as k, pg_catalog.count(*) as n
            from %1$s as t
            where %2$s
            group by 1
            having pg_catalog.count(*) > 1 and %4$s
        ),
        d as materialized (
            select g.k, g.n, pg_catalog.count(*) over () as total
            from g
            order by g.n desc, g.k::text collate "C"
            limit %5$s
        )
        select
            d.k::text, d.n, d.total,
            (pg_catalog.array_agg(t.%6$I::text order by t.%6$I))[1:100],
            (pg_catalog.array_agg(distinct %7$s))[1:5],
            pg_catalog.min((%7$s) collate "C") = pg_catalog.max((%7$s) collate "C")
        from d
        join %1$s as t on %3$s = d.k
        where %2$s
        group by d.k, d.n, d.total
        order by d.n desc, d.k::text collate "C"
        $query$;
    v_differ text;
    v_is_same boolean;
    r_part record;
begin
    for r_part in select * from tandem._duplicate_parts(p_mapping) loop
        part := r_part.part;
        relation := r_part.relation;
        is_blocking := true;
        if not r_part.is_enforced then
            for key, rows, groups, ids, samples, v_is_same in
                execute pg_catalog.format(v_query, r_part.relation, r_part.live, r_part.key,
                    'true', p_limit, r_part.id_column, r_part.label)
            loop
                reason := case when v_is_same then 'exact' else 'normalised' end;
                return next;
            end loop;
        end if;
        if p_notes and r_part.is_exact then
            is_blocking := false;
            reason := 'normalised';
            v_differ := pg_catalog.format(
                'pg_catalog.min((%1$s) collate "C") <> pg_catalog.max((%1$s) collate "C")',
                r_part.label
            );
            for key, rows, groups, ids, samples, v_is_same in
                execute pg_catalog.format(v_query, r_part.relation, r_part.live,
                    pg_catalog.format('tandem.import_key(t.%I)', r_part.key_columns[1]),
                    v_differ, p_limit, r_part.id_column, r_part.label)
            loop
                return next;
            end loop;
        end if;
    end loop;
end
$_duplicate_groups$;

comment on function tandem._duplicate_groups(text, integer, boolean) is
'Groups of live rows with one key, at most p_limit of each table and reason; groups is how many '
'there are. p_notes: also those of an exact table that only look the same.';
