-- In the key's own type and its column's collation, as the batches compare.
create or replace function tandem._check_ends(p_mapping text, p_from text, p_to text)
returns void
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_check_ends$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_query text;
    v_reversed boolean;
begin
    if p_from is null or p_to is null then
        return;
    end if;
    perform tandem._require_own(p_mapping);
    v_query := pg_catalog.format(
        'select coalesce((select flat.%1$I from %2$s as flat where false), $1::%3$s) > $2::%3$s',
        v_definition ->> 'key', v_definition ->> 'flat', v_definition ->> 'key_type'
    );
    perform pg_catalog.set_config('search_path', tandem._path_of(p_mapping), true);
    execute v_query into v_reversed using p_from, p_to;
    if v_reversed then
        raise exception 'p_from is after p_to'
        using errcode = 'invalid_parameter_value',
            detail = pg_catalog.format('%s is after %s.', pg_catalog.quote_literal(p_from),
                pg_catalog.quote_literal(p_to)),
            hint = pg_catalog.format('No key is in that range: p_from => %L, p_to => %L? Nothing '
                'was done.', p_to, p_from);
    end if;
end
$_check_ends$;

comment on function tandem._check_ends(text, text, text) is
'Raises 22023 for a range of keys, given as text, that ends before it begins; NULL is no end.';
