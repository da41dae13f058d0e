-- A deployment makes all routines of a mapping; whoever retired this one is not asked again.
create or replace function tandem._drop_old_paths() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_drop_old_paths$
declare
    v_mapping text;
begin
    for v_mapping in
        select m.name from tandem.mapping as m where m.area = 'imports' and m.phase = 'retired'
    loop
        execute pg_catalog.format(
            'drop function if exists %I._write_rows_locked(bigint, bigint, integer, integer)',
            'tandem_' || v_mapping
        );
    end loop;
end
$_drop_old_paths$;

comment on function tandem._drop_old_paths() is
'Drops the rendered old path of each import that is retired; called by retire_import and at the '
'end of each deployment.';
