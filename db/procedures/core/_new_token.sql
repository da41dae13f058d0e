-- Two sessions may draw the same one at the same time: neither can read it, so it is of no use to
-- either.
-- lint: inlinable
create or replace function tandem._new_token() returns bigint
language sql volatile
as $_new_token$
    select pg_catalog.setval('tandem.origin', coalesce(
        pg_catalog.pg_sequence_last_value('tandem.origin') + 1,
        ('x' || pg_catalog.translate(
            pg_catalog.left(pg_catalog.gen_random_uuid()::text, 13), '-', ''
        ))::bit(48)::bigint
    ))
$_new_token$;

comment on function tandem._new_token() is
'The next token of tandem.origin, which becomes this session''s currval.';
