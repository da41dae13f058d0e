create or replace function tandem._failure(p_sqlstate text, p_message text) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $_failure$
    select pg_catalog.jsonb_build_object(
        'sqlstate', p_sqlstate,
        'message', p_message,
        -- serialization failure, deadlock, lock timeout: the same batch may work in a moment
        'retry', p_sqlstate in ('40001', '40P01', '55P03'),
        -- a right, name or function that is missing, a full disk, a damaged file: no row's fault,
        -- and every row would meet it
        'row', pg_catalog.left(p_sqlstate, 2)
        <> all (array['08', '25', '28', '42', '53', '57', '58', 'F0', 'XX'])
        and p_sqlstate <> all (array['TD061', 'TD062', 'TD063', 'TD080'])
    )
$_failure$;

comment on function tandem._failure(text, text) is
'An error as the loop hands it on: SQLSTATE, message, whether the batch is worth another try '
'(retry), and whether it can be the fault of single rows (row).';
