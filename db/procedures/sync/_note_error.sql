-- The last error of a direction outlives the rollback that it causes: setval is not undone. One
-- number, so that code and time cannot be of two errors. Errors of a run's batch are in tandem.run.
create or replace function tandem._note_error(p_mapping text, p_code integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_note_error$
declare
    v_context text;
    v_trigger text;
begin
    get diagnostics v_context = pg_context;
    -- The innermost trigger function of the mapping; the words around its name are translated. No
    -- backslash and no quote in it: the session may have standard_conforming_strings off, or
    -- quote_all_identifiers on.
    v_trigger := (pg_catalog.regexp_match(
        pg_catalog.replace(v_context, '"', ''),
        '[[:<:]]tandem_' || p_mapping
        || '[.](assign|inside|[a-z0-9_]+_(?:insert|update|delete|truncate|change))[(][)]'
    ))[1];
    if v_trigger <> 'inside' then
        perform pg_catalog.setval(
            pg_catalog.format(
                'tandem_%s.%s_error', p_mapping,
                case when v_trigger ~ '^(assign|flat_[a-z]+)$' then 'f2h' else 'h2f' end
            )::regclass,
            (1000 * extract(epoch from pg_catalog.clock_timestamp()))::bigint * 1000 + p_code
        );
    end if;
end
$_note_error$;

comment on function tandem._note_error(text, integer) is
'Notes the numeric part of a TD code, and when, for the direction whose trigger is about to raise.';
