create or replace function tandem.drift(p_mapping text, p_limit integer default 1000)
returns table (
    kind text, flat_key text, leaf_id uuid, column_name text, flat_value text, hierarchy_value text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $drift$
begin
    perform tandem._check_range('p_limit', p_limit, 0, 2147483647);
    perform tandem._require_phase(p_mapping, 'drift', array['prepared', 'syncing', 'migrated']);
    return query execute pg_catalog.format(
        'select d.* from %I.drift($1) as d', 'tandem_' || p_mapping
    ) using p_limit;
end
$drift$;

comment on function tandem.drift(text, integer) is
'Where the flat table and the hierarchy differ, a row per column. Kinds value, link, flat_only, '
'hierarchy_only and not_migrated are drift; price_due (a dated row not yet applied) and '
'rejected are not. Operators may call it. '
'Example: select * from tandem.drift(''products'');';
