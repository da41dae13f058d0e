create or replace function tandem._setting_of(p_name text) returns text
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_setting_of$
declare
    v_value text;
begin
    select s.value into v_value from tandem.setting as s where s.name = p_name;
    if not found then
        select s.value into strict v_value from tandem._settings() as s where s.name = p_name;
    end if;
    return v_value;
end
$_setting_of$;

comment on function tandem._setting_of(text) is
'The value of a row of tandem.setting, or what it is at first where the row is missing.';
