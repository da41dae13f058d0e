-- Whether the application has BEFORE triggers of its own on a table that a batch writes.
create or replace function {{ S | ident }}._has_own_triggers() returns boolean
language sql stable
set search_path = {{ m.search_path | path }}
as $_has_own_triggers$
    select exists (
        select
        from pg_catalog.pg_trigger as t
        join {{ S | ident }}.requirement() as r
            on r.kind = 'trigger' and t.tgrelid = pg_catalog.to_regclass(r.relation)
        where not t.tgisinternal and t.tgname not like 'tandem\_%' and t.tgtype & 2 = 2
            and t.tgenabled <> 'D'
    )
$_has_own_triggers$;

comment on function {{ S | ident }}._has_own_triggers() is
'True where an enabled BEFORE trigger of the application is on a table of this mapping.';
