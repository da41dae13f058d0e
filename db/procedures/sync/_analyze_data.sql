-- What the flat rows look like: what a migration would make of them.
create or replace function tandem._analyze_data(p_mapping text)
returns table (
    severity text, finding text, subject text, occurrences bigint, sample text, cure text
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_analyze_data$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_flat text := v_definition ->> 'flat';
    v_query text;
begin
    if tandem._own_table(v_flat) is null then
        return;
    end if;
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    return query execute pg_catalog.format(
        $query$select 'note', 'rows', %1$L, pg_catalog.count(*), null::text, null::text
from %1$s as flat
union all
select 'warning', 'rows will be rejected: ' || b.fault, %1$L, pg_catalog.count(*),
    pg_catalog.array_to_string((pg_catalog.array_agg(b.row_key order by b.row_order))[1:5], ', ')
    || case when pg_catalog.count(*) > 5 then ', ...' else '' end,
    'Correct them first, or later: a correct write is synced.'
from (
    select flat.%2$I::text as row_key, flat.%2$I as row_order, %3$s as fault from %1$s as flat
) as b
where b.fault is not null
group by b.fault$query$,
        v_flat, v_definition ->> 'key', v_definition ->> 'fault'
    );
    -- a statement each, in the order in which they are read
    for v_query in select f.statement from tandem._finding_queries(p_mapping) as f
    loop
        return query execute v_query;
    end loop;
end
$_analyze_data$;

comment on function tandem._analyze_data(text) is
'Findings of the flat rows; tandem.analyze(mapping) reads it.';
