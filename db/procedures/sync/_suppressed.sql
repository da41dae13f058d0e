-- A trigger or rule of the application swallowed a write of the sync, or fights it: no silent
-- drift.
create or replace function tandem._suppressed(p_mapping text, p_table text, p_key text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_suppressed$
begin
    perform tandem._note_error(p_mapping, 44);
    raise exception 'row % of % cannot be kept in step', p_key, p_table
    using errcode = 'TD044',
        detail = 'A trigger or rule of your own suppressed the write, or stores another value '
        'again and again. The statement that caused it was rolled back on both sides.',
        hint = 'Let that trigger pass such rows, or leave the column out of the mapping.';
end
$_suppressed$;

comment on function tandem._suppressed(text, text, text) is 'Raises TD044.';
