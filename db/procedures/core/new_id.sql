-- Time-ordered ids (RFC 9562, version 7): new rows go to one end of the index. PostgreSQL 18 has
-- the function; before, its bytes are put together here. One or the other, so that it is inlined.
do $new_id$
begin
    if pg_catalog.current_setting('server_version_num')::integer >= 180000 then
        -- lint: inlinable
        create or replace function tandem.new_id() returns uuid
        language sql volatile parallel safe
        as 'select pg_catalog.uuidv7()';
    else
        -- lint: inlinable
        create or replace function tandem.new_id() returns uuid
        language sql volatile parallel safe
        as $body$
            select pg_catalog.encode(
                pg_catalog.set_bit(pg_catalog.set_bit(
                    pg_catalog.overlay(
                        pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
                        pg_catalog.substring(
                            pg_catalog.int8send((
                                1000 * extract(epoch from pg_catalog.clock_timestamp())
                            )::bigint), 3, 6
                        ), 1, 6
                    ), 52, 1
                ), 53, 1), 'hex'
            )::uuid
        $body$;
    end if;
end
$new_id$;

comment on function tandem.new_id() is
'A new time-ordered UUID (version 7). Example: select tandem.new_id();';
