create or replace procedure tandem.purge(p_older_than interval)
language plpgsql
as $purge$
begin
    set local search_path = pg_catalog, pg_temp;
    if p_older_than is null or p_older_than < interval '0' then
        raise exception 'p_older_than is %', coalesce(p_older_than::text, 'null')
        using errcode = 'invalid_parameter_value', detail = 'It may be an interval of 0 or more.',
            hint = 'Nothing was done. Example: CALL tandem.purge(''90 days'');';
    end if;
    call tandem._run('purge', null, pg_catalog.jsonb_build_object(
        'before', pg_catalog.clock_timestamp() - p_older_than, 'on_reject', 'stop'
    ));
end
$purge$;

comment on procedure tandem.purge(interval) is
'Deletes finished runs, closed rejected rows, the log of sync operations, and imports that have '
'ended, with their input and images, that are older. What a DELETE kept is not purged. Admins may '
'call it, alone and with autocommit. Example: call tandem.purge(''90 days'');';
