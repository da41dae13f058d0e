create or replace function tandem._dump_command(p_mapping text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $_dump_command$
    -- quoted for the shell, which would take the name's own quotes away
    select 'pg_dump --format=custom --table=' || case
        when (m.definition ->> 'flat') ~ '^[a-z0-9_.]+$' then m.definition ->> 'flat'
        else '''' || pg_catalog.replace(m.definition ->> 'flat', '''', '''"''"''') || '''' end
    from tandem._mapping_of(p_mapping) as m
$_dump_command$;

comment on function tandem._dump_command(text) is
'A shell command that dumps the flat table of a mapping.';
