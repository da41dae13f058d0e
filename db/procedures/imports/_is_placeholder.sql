-- What programs write for "nothing": SQL and its COPY format, JSON, C, Java, Python, pandas, R, and
-- the errors of a spreadsheet's cells; and dashes. Not in the list: what people write ('unknown',
-- 'tbd', '?', '0'), and a blank text, which is_blank tells.
-- lint: inlinable
create or replace function tandem._is_placeholder(p_value text) returns boolean
language sql immutable parallel safe
return coalesce(
    pg_catalog.lower(pg_catalog.btrim(p_value, e' \t\n\r\f\x0b') collate pg_catalog."C") in (
        'null', '(null)', '<null>', '[null]', e'\\n', 'nil', '<nil>', 'undefined', 'none',
        'n/a', 'na', '<na>', '#n/a', '#n/a n/a', '#na', 'n.a.', '-', '--', '---',
        'nan', '-nan', '+nan', '1.#qnan', '-1.#qnan', '1.#ind', '-1.#ind', 'nat',
        '#null!', '#ref!', '#value!', '#name?', '#num!', '#div/0!'
    )
    or pg_catalog.btrim(p_value collate pg_catalog."C") ~ e'^[\\u2010-\\u2015\\u2212]$',
    false
);

comment on function tandem._is_placeholder(text) is
'True for a text that programs write where there is no value, such as NULL, N/A, NaN or a dash, in '
'upper or lower case; false for NULL and for a blank text.';
