-- The mapping's own schema. DROP SCHEMA ... CASCADE takes the triggers with it and leaves the tables.
do $schema$
begin
    if pg_catalog.to_regnamespace({{ S | ident | literal }}) is null then
        create schema {{ S | ident }};
    end if;
end
$schema$;

comment on schema {{ S | ident }} is
{{ ('pgtandem: rendered code of the mapping ' ~ m.name) | literal }};

-- What is kept of deleted rows, dated rows to come, and the counters of calls.
do $stores$
begin
    perform tandem._create_stores({{ m.name | literal }});
end
$stores$;
{% for direction in ('f2h', 'h2f') %}
{% set name = '_' ~ direction ~ '_class' %}

-- The sequence that counts calls of this duration.
-- lint: inlinable
create or replace function {{ S | ident }}.{{ name | ident }}(p_took interval) returns regclass
language sql stable
as ${{ name | trusted }}$
    select (array[
{% for bucket in ('100us', '300us', '1ms', '3ms', '10ms', 'more') %}
        {{ (S ~ '.' ~ direction ~ '_' ~ bucket) | literal }}{{ ',' if not loop.last }}
{% endfor %}
    ]::regclass[])[1 + pg_catalog.width_bucket(
        extract(epoch from p_took)::float8, '{0.0001, 0.0003, 0.001, 0.003, 0.01}'::float8[]
    )]
${{ name | trusted }}$;

comment on function {{ S | ident }}.{{ name | ident }}(interval) is
'The sequence that counts calls of this direction that took so long.';
{% endfor %}
