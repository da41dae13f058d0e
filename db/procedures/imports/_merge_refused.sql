create or replace function tandem._merge_refused(p_message text, p_hint text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_merge_refused$
begin
    raise exception '%', p_message
    using errcode = 'TD072',
        detail = 'A row is merged with all that refers to it, or not at all.', hint = p_hint;
end
$_merge_refused$;

comment on function tandem._merge_refused(text, text) is
'Raises TD072: something that refers to a row cannot go to the keeper.';
