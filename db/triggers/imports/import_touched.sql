create or replace function tandem._import_touched() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $_import_touched$
begin
    new.updated_at := pg_catalog.clock_timestamp();
    return new;
end
$_import_touched$;

comment on function tandem._import_touched() is 'Notes when a row was changed.';

create or replace trigger tandem_10_touched before update on tandem.import_job
for each row execute function tandem._import_touched();
