-- lint: inlinable
create or replace function tandem._run_lock() returns integer
language sql immutable parallel safe
as $_run_lock$
    select 1952542836
$_run_lock$;

comment on function tandem._run_lock() is
'First key of the advisory locks that say a run is alive ("tand" in ASCII); the second is run_id.';
