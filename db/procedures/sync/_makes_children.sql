create or replace function tandem._makes_children(p_mapping text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $_makes_children$
    select exists (
        select
        from tandem._levels(p_mapping) as l
        join pg_catalog.pg_trigger as t on t.tgrelid = pg_catalog.to_regclass(l.relation)
        where not t.tgisinternal and not tandem._is_ours(t.tgfoid) and t.tgenabled <> 'D'
            and t.tgtype & 2 = 0 and t.tgtype & 4 <> 0
    )
$_makes_children$;

comment on function tandem._makes_children(text) is
'True where an enabled AFTER INSERT trigger of the application is on a level of this mapping: it '
'may insert below the new row, so the migration goes row by row, parents first.';
