create or replace function tandem._kept_parts(p_mapping text)
returns table (part text, rows_kept bigint)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_kept_parts$
begin
    perform tandem._mapping_of(p_mapping);
    return query execute pg_catalog.format(
        'select k.level, pg_catalog.count(*) from %1$I.kept_level as k group by k.level
        union all
        select s.key, pg_catalog.count(*)
        from %1$I.kept as k
        cross join lateral pg_catalog.jsonb_each(
            tandem._join_dated(k.satellites, k.remains -> ''satellites'')
        ) as s
        where pg_catalog.jsonb_array_length(s.value) > 0
        group by s.key',
        'tandem_' || p_mapping
    );
end
$_kept_parts$;

comment on function tandem._kept_parts(text) is
'The names of the levels and satellites of which rows are kept, and how many.';
