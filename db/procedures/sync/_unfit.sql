create or replace function tandem._unfit(
    p_mapping text, p_table text, p_flat_table text, p_id uuid, p_column text, p_type text,
    p_reason text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_unfit$
begin
    perform tandem._note_error(p_mapping, 40);
    raise exception 'a row of % does not fit %: %', p_table, p_flat_table, p_reason
    using errcode = 'TD040',
        -- pgAdmin's grid shows message and DETAIL only
        detail = pg_catalog.format(
            'Row %s goes to column %s of %s (%s), which old programs read.',
            p_id, p_column, p_flat_table, p_type
        ),
        hint = 'Old programs read this value too. ' || case
            when p_reason like '% is missing' then 'Give it a value that is not blank.'
            else 'Shorten it, or widen the flat column.'
        end;
end
$_unfit$;

comment on function tandem._unfit(text, text, text, uuid, text, text, text) is 'Raises TD040.';
