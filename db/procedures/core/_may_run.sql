-- Inside a SECURITY DEFINER function current_user is its owner: who called is what SET ROLE said,
-- or the session's user.
create or replace function tandem._may_run(p_kind text, p_mapping text) returns void
language sql
set search_path = pg_catalog, pg_temp
as $_may_run$
    select tandem._step_of(p_kind, p_mapping, coalesce(
        nullif(pg_catalog.current_setting('role'), 'none'), session_user
    )::name)
$_may_run$;

comment on function tandem._may_run(text, text) is
'Raises 42501 where the caller of the definer''s function that asks may not run this kind.';
