create or replace function tandem._failure(p_sqlstate text, p_message text) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $_failure$
    select pg_catalog.jsonb_build_object(
        'sqlstate', p_sqlstate,
        'message', p_message,
        -- serialization failure, deadlock, lock timeout: the same batch may work in a moment
        'retry', p_sqlstate in ('40001', '40P01', '55P03')
    )
$_failure$;

comment on function tandem._failure(text, text) is
'An error as the loop hands it on: SQLSTATE, message, and whether the batch is worth another try.';
