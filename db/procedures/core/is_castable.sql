create or replace function tandem.is_castable(p_value text, p_type text) returns boolean
language plpgsql stable parallel restricted
set search_path = pg_catalog, pg_temp
as $is_castable$
declare
    v_type regtype := p_type::regtype;
    v_text text;
begin
    if p_value is null then
        return true;
    end if;
    execute pg_catalog.format('select %L::%s', p_value, p_type) into v_text;
    return v_type is not null;
exception when data_exception or integrity_constraint_violation or undefined_function
    or statement_too_complex or program_limit_exceeded then
    return false;
end
$is_castable$;

comment on function tandem.is_castable(text, text) is
'True where the text can become a value of the type. Used for pairs of columns of different types '
'only: it costs a subtransaction. Example: select tandem.is_castable(''12'', ''integer'');';
