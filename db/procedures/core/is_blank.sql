-- lint: inlinable
create or replace function tandem.is_blank(p_value text) returns boolean
language sql immutable parallel safe
as $is_blank$
    select p_value is null or pg_catalog.btrim(p_value, e' \t\n\r\f\x0b') = ''
$is_blank$;

comment on function tandem.is_blank(text) is
'True for NULL and for text of white space only: what a mapping calls missing. '
'Example: select tandem.is_blank(e'' \t'');';
