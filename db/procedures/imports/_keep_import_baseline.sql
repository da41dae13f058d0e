create or replace function tandem._keep_import_baseline(
    p_mapping text, p_source text, p_days integer, p_found jsonb
) returns tandem.import_baseline
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_keep_import_baseline$
declare
    r_kept tandem.import_baseline;
begin
    insert into tandem.import_baseline as b (
        mapping, source, days, imports, mean_seconds, completed_percent, success_rate, by_hour,
        notes
    )
    select
        (tandem._mapping_of(p_mapping)).name, p_source, p_days, f.imports, f.mean_seconds,
        f.completed_percent, f.success_rate, f.by_hour, f.notes
    from pg_catalog.jsonb_to_record(p_found) as f (
        imports bigint, mean_seconds numeric, completed_percent numeric, success_rate numeric,
        by_hour jsonb, notes text[]
    )
    returning b.* into r_kept;
    return r_kept;
end
$_keep_import_baseline$;

comment on function tandem._keep_import_baseline(text, text, integer, jsonb) is
'Adds a row to tandem.import_baseline and returns it.';
