-- Reads the input with the rights of whoever calls; both paths run with those of the owner.
create or replace function tandem.compare_import(
    p_mapping text,
    p_rows jsonb default null,
    p_staging regclass default null,
    p_header text[] default null,
    p_fields jsonb default '{}',
    p_duplicates text default 'last',
    p_deleted text default 'revive',
    p_empty text default 'keep',
    p_batch_rows integer default null,
    p_order text default 'random',
    p_allow_lock boolean default false
) returns table (check_name text, passed boolean, old text, new text, detail text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $compare_import$
begin
    perform tandem._check_argument('p_order', p_order, array['random', 'old first', 'new first']);
    perform tandem._require_old_path(p_mapping);
    if p_allow_lock is not true then
        raise exception 'a comparison of % locks its tables', p_mapping
        using errcode = 'TD082',
            detail = 'The old path really runs, and nobody else writes these tables until it has '
            'ended and been taken back.',
            hint = 'On a copy, or when all may wait: p_allow_lock => true, or --allow-lock of '
            'pgtandem import compare.';
    end if;
    return query select c.* from tandem._compare_import(
        tandem.submit_import(
            p_mapping, p_rows, p_staging, p_header, p_fields,
            p_key => pg_catalog.gen_random_uuid()::text, p_duplicates => p_duplicates,
            p_deleted => p_deleted, p_empty => p_empty, p_batch_rows => p_batch_rows,
            p_durable => false
        ), p_order
    ) as c;
end
$compare_import$;

comment on function tandem.compare_import(
    text, jsonb, regclass, text[], jsonb, text, text, text, integer, text, boolean
) is
'Does an import by the old path and by the new one, takes both back, and returns a row per check: '
'whether they looked at as many rows, and as many failed, the same ones; what each wrote to each '
'table, compared row by row under its names (ids, times and generated values aside), with the '
'first differences; and, passed being NULL, the time and WAL of each. In a REPEATABLE READ '
'transaction both begin from one snapshot; else what others commit between them may show. The old '
'path''s locks are real, so it wants p_allow_lock => true. Meanwhile application_name says '
'pgtandem compare old or new. p_order: random, old first or new first; the other parameters are '
'those of submit_import. Operators may call it, until the old path is retired. Example: select * '
'from tandem.compare_import(''items'', ''[{"name": "Shirt"}]'', p_allow_lock => true);';
