create or replace function tandem._resolve(
    p_mapping text, p_key text, p_resolution text, p_side text default 'flat'
) returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $_resolve$
    update tandem.rejected_row as r
    set resolved_at = pg_catalog.clock_timestamp(), resolution = p_resolution
    where r.mapping = p_mapping and r.side = p_side and r.row_key = p_key and r.resolved_at is null
$_resolve$;

comment on function tandem._resolve(text, text, text, text) is
'Closes the open rejected row of a flat key, or of a row of the hierarchy: it was written '
'correctly, or is gone.';
