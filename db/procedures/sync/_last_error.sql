-- The sentences are the messages of docs/errors.md.
create or replace function tandem._last_error(p_schema text, p_direction text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $_last_error$
    select pg_catalog.format(
        'TD%s at %s: %s',
        pg_catalog.lpad((n.noted % 1000)::text, 3, '0'),
        pg_catalog.date_trunc('second', pg_catalog.to_timestamp(n.noted / 1000 / 1000.0)),
        case n.noted % 1000
            when 30 then 'row … does not fit the hierarchy: …'
            when 31 then 'a row of … can be neither found nor created'
            when 40 then 'a row of … does not fit …: …'
            when 41 then 'a row of … has no complete chain of parents'
            when 42 then 'a table cannot be truncated while it is kept in step'
            when 43 then 'a row of … can be renamed or moved, a table truncated, '
                'in READ COMMITTED only'
            when 44 then 'row … of … cannot be kept in step'
            when 45 then 'a row and one above it were renamed or moved by one statement'
        end
    )
    from (
        select pg_catalog.pg_sequence_last_value(pg_catalog.to_regclass(
            pg_catalog.format('%I.%I', p_schema, p_direction || '_error')
        )) as noted
    ) as n
    where n.noted is not null
$_last_error$;

comment on function tandem._last_error(text, text) is
'The last error of ours that a sync trigger of a direction raised: code, time, message; or NULL.';
