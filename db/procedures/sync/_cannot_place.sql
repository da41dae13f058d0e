-- A parent that is neither there nor can be made: an own trigger or rule is in the way.
create or replace function tandem._cannot_place(p_mapping text, p_table text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_cannot_place$
begin
    perform tandem._note_error(p_mapping, 31);
    raise exception 'a row of % can be neither found nor created', p_table
    using errcode = 'TD031',
        detail = 'It was tried a hundred times; nothing was changed.',
        hint = pg_catalog.format(
            'Does a trigger or rule of your own on this table suppress or change new rows, or is '
            'its unique key missing? See SELECT * FROM tandem.analyze(%L).', p_mapping
        );
end
$_cannot_place$;

comment on function tandem._cannot_place(text, text) is 'Raises TD031.';
