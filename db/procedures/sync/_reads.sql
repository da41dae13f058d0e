-- How often the triggers have read an empty table of a mapping's schema: all reads but those that
-- dumps and the like do, which read _others as well.
create or replace function tandem._reads(p_schema text, p_name text) returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $_reads$
    select greatest(
        0,
        pg_catalog.pg_stat_get_numscans(
            pg_catalog.to_regclass(pg_catalog.format('%I.%I', p_schema, '_' || p_name))
        ) - pg_catalog.pg_stat_get_numscans(
            pg_catalog.to_regclass(pg_catalog.format('%I._others', p_schema))
        )
    )
$_reads$;

comment on function tandem._reads(text, text) is
'What one of the counters of a mapping says.';
