-- A word is a run of letters, digits and combining marks, which invisible characters do not end; a
-- hyphen ends it. Micro, mu and the ohm's omega belong to no alphabet here: they are units, and no
-- letter of another alphabet looks like them.
create or replace function tandem._name_warnings(p_value text) returns text[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $_name_warnings$
declare
    v_text text collate pg_catalog."C" := p_value;
    v_is_ascii boolean := pg_catalog.octet_length(p_value) = pg_catalog.length(p_value);
    v_latin text;
    v_cyrillic text;
    v_greek text;
    v_between text;
    v_ignorable text;
begin
    if p_value is null or (v_is_ascii and v_text !~ e'[\\u0001-\\u001f\\u007f]|^ | $|  ') then
        return '{}';
    end if;
    if v_is_ascii then
        return pg_catalog.array_remove(array[
            case when v_text ~ e'[\\u0001-\\u0008\\u000e-\\u001f\\u007f]' then 'invisible' end,
            case when v_text ~ e'^ | $|  |[\\t-\\r]' then 'blanks' end
        ], null);
    end if;
    v_ignorable :=
        e'\\u00ad\\u034f\\u061c\\u115f-\\u1160\\u17b4-\\u17b5\\u180b-\\u180f\\u200b-\\u200f'
        '\\u202a-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8'
        '\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff';
    v_latin :=
        e'A-Za-z\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u02af\\u1d00-\\u1d25\\u1e00-\\u1eff'
        '\\u2c60-\\u2c7f\\ua722-\\ua787\\ua78b-\\ua7ff\\uab30-\\uab5a\\ufb00-\\ufb06'
        '\\uff21-\\uff3a\\uff41-\\uff5a';
    v_cyrillic := e'\\u0400-\\u0481\\u048a-\\u052f\\u1c80-\\u1c88\\ua640-\\ua66e\\ua680-\\ua69b';
    v_greek :=
        e'\\u0370-\\u0373\\u0376-\\u0377\\u037b-\\u037d\\u037f\\u0386\\u0388-\\u03a8'
        '\\u03aa-\\u03bb\\u03bd-\\u03e1\\u03f0-\\u03f5\\u03f7-\\u03ff\\u1f00-\\u1fff';
    v_between := pg_catalog.concat('[0-9', e'\\u0300-\\u036f\\u03a9\\u03bc', v_ignorable, ']*');
    return pg_catalog.array_remove(array[
        case when v_text ~ pg_catalog.concat(
            e'[\\u0001-\\u0008\\u000e-\\u001f\\u007f-\\u0084\\u0086-\\u009f', v_ignorable, ']'
        ) then 'invisible' end,
        case when v_text ~ pg_catalog.concat(
            '[', v_latin, ']', v_between, '[', v_cyrillic, v_greek, ']|',
            '[', v_cyrillic, ']', v_between, '[', v_latin, v_greek, ']|',
            '[', v_greek, ']', v_between, '[', v_latin, v_cyrillic, ']'
        ) then 'look-alike' end,
        case when v_text ~ (
            e'^ | $|  |[\\t-\\r\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f'
            '\\u3000]'
        ) then 'blanks' end,
        case when v_text is not nfc normalized then 'not normal' end
    ], null);
end
$_name_warnings$;

comment on function tandem._name_warnings(text) is
'What a reader of a name cannot see, as words: invisible (control characters, and those that '
'Unicode lets a program ignore), look-alike (Latin, Cyrillic and Greek letters in one word), '
'blanks (at an end, doubled, or other white space than the plain blank), not normal (no NFC). '
'Empty where there is nothing to say, and for NULL.';
