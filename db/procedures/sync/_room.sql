create or replace function tandem._room(p_type text) returns numeric
language sql immutable
set search_path = pg_catalog, pg_temp
as $_room$
    select coalesce(
        m.part[1]::numeric - coalesce(m.part[2], '0')::numeric, 'infinity'::numeric
    )
    from (select pg_catalog.regexp_match(p_type, '[(]([0-9]+)(?:,[ ]*([0-9]+))?[)]') as part) as m
    where p_type ~ '^(numeric|decimal|varchar|char|character)'
    union all
    select 'infinity'::numeric where p_type !~ '^(numeric|decimal|varchar|char|character)'
$_room$;

comment on function tandem._room(text) is
'How many characters, or digits before the point, a type has room for.';
