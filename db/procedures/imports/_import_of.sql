create or replace function tandem._import_of(p_import bigint) returns tandem.import_job
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_import_of$
declare
    r_job tandem.import_job;
begin
    select * into r_job from tandem.import_job as j where j.import_id = p_import;
    if not found then
        raise exception 'there is no import %', p_import
        using errcode = 'no_data_found', detail = 'No row of tandem.import_job has this id.',
            hint = 'SELECT * FROM tandem.import_job ORDER BY import_id DESC; lists them.';
    end if;
    return r_job;
end
$_import_of$;

comment on function tandem._import_of(bigint) is 'The job of an import; raises P0002 for none.';
