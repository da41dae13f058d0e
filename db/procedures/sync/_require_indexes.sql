-- Everything is right without the indexes, and so slow that it never ends: each row that is looked
-- up by its id is a scan of the flat table.
create or replace function tandem._require_indexes(p_mapping text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_require_indexes$
declare
    v_missing text;
    v_statements text;
begin
    select pg_catalog.string_agg(i.name, '; ' order by i.ordinal),
        pg_catalog.string_agg(i.statement, ' ' order by i.ordinal)
    into v_missing, v_statements
    from tandem._index_statements(p_mapping) as i;
    if v_missing is null then
        return;
    end if;
    raise exception 'mapping % is not prepared: its indexes are missing', p_mapping
    using errcode = 'TD003',
        detail = pg_catalog.format('Missing: %s.', v_missing),
        hint = pg_catalog.format(
            'Unless they are being built now, send each statement alone (pgtandem prepare and the '
            'bundle''s second file do): %s', v_statements
        );
end
$_require_indexes$;

comment on function tandem._require_indexes(text) is
'Raises TD003, with the statements to run, where an index of a mapping is missing or invalid.';
