-- Of two parts that end at one time the second waits here, and sees that the first has ended.
create or replace function tandem._is_last_part(p_mapping text, p_run bigint) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_is_last_part$
begin
    perform from tandem.mapping as m where m.name = p_mapping for no key update;
    return not exists (
        select from tandem.run as r
        where r.mapping = p_mapping and r.kind = 'migrate' and r.finished_at is null
            and r.run_id <> p_run and not r.params @> '{"dry_run": true}'
    );
end
$_is_last_part$;

comment on function tandem._is_last_part(text, bigint) is
'True where no other migration of a mapping is unfinished; holds the mapping''s row until COMMIT.';
