-- A wider column loses nothing, a narrower one rounds, cuts or refuses.
create or replace function tandem._room(p_type text, out before numeric, out after numeric)
language sql immutable
set search_path = pg_catalog, pg_temp
as $_room$
    select
        case
            when t.base = 'smallint' then 4
            when t.base = 'integer' then 9
            when t.base = 'bigint' then 18
            when t.base = 'numeric' then t.first - coalesce(t.second, 0)
            when t.base like 'character%' then t.first
        end,
        case
            when t.base in ('smallint', 'integer', 'bigint') then 0
            when t.base = 'numeric' and t.first is not null then coalesce(t.second, 0)
            when t.base like 'time%' then coalesce(t.first, 6)
            when t.base = 'date' then -1
        end
    from (
        select
            pg_catalog.substring(p_type, '^[a-z]+') as base,
            pg_catalog.substring(p_type, '[(]([0-9]+)')::numeric as first,
            pg_catalog.substring(p_type, ',[ ]*([0-9]+)')::numeric as second
    ) as t
$_room$;

comment on function tandem._room(text) is
'What a type (as format_type writes it) has room for: characters, or digits before the point; '
'digits after it, of the seconds for times. NULL: no limit.';
