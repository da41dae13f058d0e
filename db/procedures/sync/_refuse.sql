-- The mapping's policy for a flat row that cannot be moved.
create or replace function {{ S | ident }}._refuse(p_fault text, p_key text) returns void
language plpgsql
set search_path = {{ m.search_path | path }}
as $_refuse$
#variable_conflict use_variable
begin
{% if m.reject == 'raise' %}
    perform tandem._note_error({{ m.name | literal }}, 30);
    raise exception 'row % of {{ m.flat.table | in_format }} does not fit the hierarchy: %', p_key, p_fault
    using errcode = 'TD030',
        detail = 'The flat row was not written: the policy of this mapping is raise.',
        hint = 'Correct the value, or choose reject = "keep" in the mapping.';
{% else %}
    -- kept: the flat write succeeds, the row is marked as rejected and noted in tandem.rejected_row
    null;
{% endif %}
end
$_refuse$;

comment on function {{ S | ident }}._refuse(text, text) is
'Raises TD030 where the mapping''s policy is raise; else lets the flat row be, marked as rejected.';
