create or replace function tandem._renamed(p_name text, p_suffix text, p_length integer)
returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $_renamed$
declare
    v_name text := p_name;
    v_bytes integer := 2600 - pg_catalog.octet_length(p_suffix);
begin
    if p_length is not null then
        v_name := pg_catalog.left(v_name, greatest(0, p_length - pg_catalog.length(p_suffix)));
    end if;
    -- no character is cut in two
    while pg_catalog.octet_length(v_name) > v_bytes loop
        v_name := pg_catalog.left(v_name, pg_catalog.length(v_name) - greatest(
            1, (pg_catalog.octet_length(v_name) - v_bytes) / 4));
    end loop;
    return v_name || p_suffix;
end
$_renamed$;

comment on function tandem._renamed(text, text, integer) is
'A name with a suffix, the name cut so that both fit p_length characters (NULL: any) and the 2,600 '
'bytes of a unique index.';
