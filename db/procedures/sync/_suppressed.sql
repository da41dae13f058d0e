-- A trigger or rule of the application swallowed a write of the sync, or fights it: no silent drift.
create or replace function {{ S | ident }}._suppressed(p_table text, p_key text) returns void
language plpgsql
set search_path = {{ m.search_path | path }}
as $_suppressed$
begin
    perform tandem._note_error({{ m.name | literal }}, 44);
    raise exception 'row % of % cannot be kept in step', p_key, p_table
    using errcode = 'TD044',
        detail = 'A trigger or rule of your own suppressed the write, or stores another value again '
        'and again. The statement that caused it was rolled back on both sides.',
        hint = 'Let that trigger pass such rows, or leave the column out of the mapping.';
end
$_suppressed$;

comment on function {{ S | ident }}._suppressed(text, text) is 'Raises TD044.';
