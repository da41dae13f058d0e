-- lint: inlinable
create or replace function tandem._trim(p_value text) returns text
language sql immutable parallel safe
as $_trim$
    -- a second line of a literal goes on in the form of the first
    select pg_catalog.btrim(
        p_value,
        e' \t\n\r\f\x0b\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008'
        '\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'
    )
$_trim$;

comment on function tandem._trim(text) is
'A text without the white space around it, that of Unicode included.';
