-- Full jitter: what fails together is not tried again together.
create or replace function tandem._backoff(p_try integer) returns interval
language sql volatile
set search_path = pg_catalog, pg_temp
as $_backoff$
    select pg_catalog.make_interval(
        secs => pg_catalog.random() * least(300, 5 * 2 ^ (p_try - 1))
    )
$_backoff$;

comment on function tandem._backoff(integer) is
'How long to wait before another try: at random up to 5 s, 10 s, 20 s and so on, at most 300 s.';
