-- As the source writes it, in either of its two variables.
create or replace function tandem._import_flag_value(
    p_value text, p_percentage numeric, out value text, out percentage numeric
)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $_import_flag_value$
declare
    v_number text;
begin
    value := pg_catalog.lower(pg_catalog.btrim(p_value));
    if value in ('false', 'test_users_only', 'true') and p_percentage is null then
        return;
    end if;
    percentage := p_percentage;
    v_number := pg_catalog.substring(value, '^percentage: *([0-9]{1,3}(?:[.][0-9]{1,10})?)$');
    if v_number is not null and v_number::numeric <> coalesce(p_percentage, v_number::numeric) then
        raise exception 'the value is %, and p_percentage is %', value, p_percentage
        using errcode = 'invalid_parameter_value', detail = 'They are two percentages.',
            hint = 'Nothing was done. Give one of them.';
    end if;
    percentage := coalesce(v_number::numeric, p_percentage);
    if not coalesce(value, 'percentage') = 'percentage' and v_number is null
        or percentage between 0 and 100 is not true
        or percentage <> pg_catalog.round(percentage, 3) then
        raise exception 'the value is %, the percentage %', pg_catalog.quote_nullable(p_value),
            coalesce(p_percentage::text, 'not given')
        using errcode = 'invalid_parameter_value',
            detail = 'The value may be false, test_users_only, true or percentage:N, where N is 0 '
            'to 100 with at most three decimals and may be p_percentage, too.',
            hint = 'Nothing was done.';
    end if;
    percentage := pg_catalog.trim_scale(percentage);
    value := 'percentage:' || percentage;
end
$_import_flag_value$;

comment on function tandem._import_flag_value(text, numeric) is
'The value of a flag in the form in which it is kept, and its percentage; 22023 for nonsense.';
