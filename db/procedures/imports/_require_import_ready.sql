-- Without its index an ON CONFLICT fails in each batch (42P10), and with another one in its place
-- two imports could both insert a name.
create or replace function tandem._require_import_ready(p_mapping text) returns void
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_require_import_ready$
begin
    perform tandem._require_phase(p_mapping, 'run_import', array['ready', 'retired']);
    perform tandem._require_indexes(p_mapping);
end
$_require_import_ready$;

comment on function tandem._require_import_ready(text) is
'Raises TD002 or TD003 where the tables of an import are not ready for it.';
