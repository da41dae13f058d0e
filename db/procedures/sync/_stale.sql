create or replace function tandem._stale(p_mapping text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_stale$
    with columns as (
        select
            coalesce(a.relation, b.relation) || '.' || coalesce(a.key, b.key) as name,
            a.value as was, b.value as is_now
        from (
            select t.key as relation, c.key, c.value
            from pg_catalog.jsonb_each((tandem._mapping_of(p_mapping)).shape) as t
            cross join lateral pg_catalog.jsonb_each_text(t.value) as c
        ) as a
        full join (
            select u.key as relation, c.key, c.value
            from pg_catalog.jsonb_each(tandem._shape(p_mapping)) as u
            cross join lateral pg_catalog.jsonb_each_text(u.value) as c
        ) as b on b.relation = a.relation and b.key = a.key
        -- a rollback to the flat table alone has dropped what prepare saw
        where (tandem._mapping_of(p_mapping)).shape is not null
            and (tandem._mapping_of(p_mapping)).phase <> 'deployed'
    )

    select pg_catalog.string_agg(pg_catalog.format('%s: %s, was %s', c.name,
        coalesce(c.is_now, 'dropped'), coalesce(c.was, 'absent')), '; ' order by c.name)
    from columns as c
    where c.was is distinct from c.is_now
$_stale$;

comment on function tandem._stale(text) is
'What changed in the tables of a mapping since prepare, or NULL '
'(also while it is not prepared): the mapping may need the new column.';
