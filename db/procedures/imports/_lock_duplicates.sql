-- All in the order of their ids, as an import locks them. A loser is then locked so that nobody can
-- begin to refer to it; a keeper may be referred to meanwhile.
create or replace function tandem._lock_duplicates(
    p_part record, p_losers text[], p_keepers text[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_lock_duplicates$
declare
    v_lock constant text := 'select pg_catalog.count(*) from (select from %1$s as t where t.%2$I '
        'in (select %3$s from pg_catalog.unnest($1) as i (id)) order by t.%2$I for %4$s of t) as l';
    v_id text := tandem._duplicate_id(p_part.id_type, 'i.id');
begin
    execute pg_catalog.format(v_lock, p_part.relation, p_part.id_column, v_id, 'no key update')
    using p_losers || p_keepers;
    execute pg_catalog.format(v_lock, p_part.relation, p_part.id_column, v_id, 'update')
    using p_losers;
end
$_lock_duplicates$;

comment on function tandem._lock_duplicates(record, text[], text[]) is
'Locks the rows of a batch of duplicates.';
