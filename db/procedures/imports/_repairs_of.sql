-- What differs between rows with the same trouble is taken out: values (quoted as %L does it) and
-- numbers of rows; and where the text is not of an import's own tests, which quote each value, all
-- numbers that stand alone. numeric(12,2) is none.
create or replace function tandem._repairs_of(p_column text, p_message text) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $_repairs_of$
    select array(
        select pg_catalog.btrim(r.text)
        from pg_catalog.unnest(
            case when p_column is null then array[pg_catalog.regexp_replace(
                b.text,
                '(?<![[:alnum:]_(,.])([+-]?[0-9]+([.,][0-9]+)*|0x[0-9a-f]+|U[+][0-9A-F]+)'
                '(?![[:alnum:]_])', '#', 'g'
            )]
            else pg_catalog.string_to_array(pg_catalog.regexp_replace(
                b.text, e'\\y(it has|row) [0-9]+ ', e'\\1 # ', 'g'
            ), '; ') end
        ) with ordinality as r (text, place)
        group by pg_catalog.btrim(r.text)
        order by pg_catalog.min(r.place)
    )
    from pg_catalog.regexp_replace(
        p_message, e'(^|\\s+)E?''([^'']|'''')*''', '', 'g'
    ) as b (text)
$_repairs_of$;

comment on function tandem._repairs_of(text, text) is
'What a message about a failed row asks to be repaired, without the values that it quotes: a text '
'for each of its parts. p_column: the field of the first one, NULL where the message is not of an '
'import''s own tests.';
