-- In one statement and so in one snapshot, under the search path of the mapping, in which the types
-- of its columns and their operators are.
create or replace function tandem.drift(p_mapping text, p_limit integer default 1000)
returns table (
    kind text, flat_key text, leaf_id uuid, column_name text, flat_value text, hierarchy_value text
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $drift$
declare
    v_query text;
begin
    perform tandem._check_range('p_limit', p_limit, 0, 2147483647);
    perform tandem._require_phase(p_mapping, 'drift', array['prepared', 'syncing', 'migrated']);
    v_query := tandem._drift_query(p_mapping);
    perform pg_catalog.set_config('search_path', tandem._path_of(p_mapping), true);
    return query execute v_query using pg_catalog.clock_timestamp(), nullif(p_limit, 0);
end
$drift$;

comment on function tandem.drift(text, integer) is
'Where the flat table and the hierarchy differ, a row per column. Kinds value, link, flat_only, '
'hierarchy_only and not_migrated are drift; price_due (a dated row not yet applied) and '
'rejected are not. At most p_limit rows; 0 or NULL: all. Operators may call it. '
'Example: select * from tandem.drift(''products'');';
