create or replace function tandem.version() returns text
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $version$
    select d.version from tandem.deployment as d
    where d.what = 'package' and d.result = 'done'
    order by d.deployment_id desc
    limit 1
$version$;

comment on function tandem.version() is
'The version of pgtandem that is deployed here. Readers may call it. '
'Example: select tandem.version();';
