-- The one place that decides. It is asked once, when an import is submitted.
create or replace function tandem.import_flag_of(
    p_mapping text, p_user text, out importer text, out decided_by text, out bucket numeric
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $import_flag_of$
declare
    r_mapping tandem.mapping := tandem._mapping_of(p_mapping);
    r_flag tandem.import_flag;
begin
    select * into r_flag from tandem.import_flag as f where f.mapping = p_mapping;
    if r_flag.mapping is null or r_mapping.phase = 'retired' then
        importer := 'new';
        decided_by := case r_mapping.phase when 'retired' then 'retired' else 'default' end;
        return;
    end if;
    bucket := pg_catalog.round(
        tandem._import_bucket(p_mapping, r_flag.salt, p_user) / 1000.0, 3
    );
    if r_flag.kill_switch then
        importer := 'old';
        decided_by := 'kill switch';
    elsif p_user = any (r_flag.denied) then
        importer := 'old';
        decided_by := 'denied';
    elsif p_user = any (r_flag.test_users) and r_flag.value <> 'false' then
        importer := 'new';
        decided_by := 'test user';
    elsif r_flag.percentage is not null then
        -- who has no name has no place: he is in when all are
        importer := case when coalesce(bucket, 99.999) < r_flag.percentage then 'new'
            else 'old' end;
        decided_by := 'percentage';
    else
        importer := case r_flag.value when 'true' then 'new' else 'old' end;
        decided_by := 'default';
    end if;
end
$import_flag_of$;

comment on function tandem.import_flag_of(text, text) is
'Which path an import of a user takes if it is submitted now (importer, new or old), by which '
'rule, and the user''s bucket, 0 to 99.999, who is in at any higher percentage. The first rule '
'that applies: kill switch, denied, test user, percentage, default; test users count unless the '
'value is false; without a user a percentage is for nobody but at 100. A mapping without a flag '
'takes the new path. All levels may call it. Example: select * from '
'tandem.import_flag_of(''items'', ''42'');';
