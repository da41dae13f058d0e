-- Two migrations of one mapping may run side by side where both were given a range of keys.
create or replace function tandem._ranges_apart(
    p_kind text, p_from text, p_to text, p_other_kind text, p_other jsonb
) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $_ranges_apart$
    select p_kind = 'migrate' and p_other_kind = 'migrate'
        and (p_from is not null or p_to is not null)
        and (p_other ->> 'from' is not null or p_other ->> 'to' is not null)
        and (p_from, p_to) is distinct from (p_other ->> 'from', p_other ->> 'to')
$_ranges_apart$;

comment on function tandem._ranges_apart(text, text, text, text, jsonb) is
'True for two migrations that were given different ranges of keys.';
