-- record_out quotes a field that is empty or holds a quote, a backslash, a comma, a bracket or a
-- blank, and doubles quotes and backslashes in it; a field with nothing is NULL. Literals with a
-- backslash are e'': the session may have standard_conforming_strings off.
create or replace function tandem._unpack_row(p_packed jsonb) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $_unpack_row$
declare
    v_row text := p_packed ->> 0;
    v_fields text[];
    v_names text[];
begin
    if pg_catalog.jsonb_typeof(p_packed) = 'object' then
        return p_packed;
    end if;
    v_fields := array(
        select case
            when f.field[1] = '' then null
            when pg_catalog.left(f.field[1], 1) = '"' then pg_catalog.replace(
                pg_catalog.replace(
                    pg_catalog.substr(f.field[1], 2, pg_catalog.length(f.field[1]) - 2), '""', '"'
                ), e'\\\\', e'\\'
            )
            else f.field[1]
        end
        from pg_catalog.regexp_matches(
            pg_catalog.substr(v_row, 2, pg_catalog.length(v_row) - 2) || ',',
            '("(?:[^"]|"")*"|[^,"]*),', 'g'
        ) with ordinality as f (field, position)
        order by f.position
    );
    v_names := array(
        select n.name
        from pg_catalog.jsonb_array_elements_text(p_packed - 0) with ordinality
            as n (name, position)
        order by n.position
    );
    return pg_catalog.jsonb_object(v_names, v_fields);
end
$_unpack_row$;

comment on function tandem._unpack_row(jsonb) is
'A row that _pack_row packed as an object: each column''s value as text, or null. An object is '
'returned as it is.';
