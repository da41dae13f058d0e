-- A dry run, or autovacuum before the rows came, leaves statistics of empty tables behind. With
-- them a comparison of everything becomes a nested loop. A table of less than ten pages is left
-- alone: what nobody has analysed is taken for ten, in which an index is worth it. Where a table is
-- known to have a row or two, any way to read it costs the same, and a bulk INSERT would go on in
-- the one that it took first while the table grows.
create or replace function tandem._analyze_tables(p_mapping text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_analyze_tables$
declare
    v_relation text;
begin
    -- a table at a time
    for v_relation in
        select t.relation
        from (
            select l.relation from tandem._levels(p_mapping) as l
            union all
            select s.relation from tandem._satellites(p_mapping) as s
        ) as t
        join pg_catalog.pg_class as c on c.oid = pg_catalog.to_regclass(t.relation)
        where pg_catalog.pg_has_role(c.relowner, 'usage')
            and pg_catalog.pg_relation_size(c.oid)
                >= 10 * pg_catalog.current_setting('block_size')::bigint
    loop
        -- who holds the lock against it is autovacuum, at the same work
        execute pg_catalog.format('analyze (skip_locked) %s', v_relation);
    end loop;
end
$_analyze_tables$;

comment on function tandem._analyze_tables(text) is
'Analyses the tables of the hierarchy; one that somebody else locks or owns is left out.';
