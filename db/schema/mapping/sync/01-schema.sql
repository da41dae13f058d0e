{% from 'triggers/sync/frame.jinja' import unmark with context %}
-- The mapping's own schema, which the bundle makes. DROP SCHEMA ... CASCADE takes the triggers with it and leaves the tables.
comment on schema {{ S | ident }} is
{{ ('pgtandem: rendered code of the mapping ' ~ m.name) | literal }};

-- What is kept of deleted rows, dated rows to come, and the counters of calls.
do $stores$
begin
    perform tandem._create_stores({{ m.name | literal }});
end
$stores$;
{% for direction in ('f2h', 'h2f') %}
{% set name = '_' ~ direction ~ '_leave' %}

-- The end of a trigger's call: what it writes is no more ours, and it is counted in its class of
-- duration, see tandem._calls.
create or replace function {{ S | ident }}.{{ name | ident }}(p_origin text, p_started timestamptz) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as ${{ name | trusted }}$
declare
    v_origin text := p_origin;
    v_token bigint;
    v_class integer := pg_catalog.width_bucket(
        extract(epoch from pg_catalog.clock_timestamp() - p_started)::float8,
        '{0.0001, 0.0003, 0.001, 0.003, 0.01}'::float8[]
    );
begin
    {{ unmark() }}
    case v_class
{% for bucket in ('100us', '300us', '1ms', '3ms', '10ms', 'more') %}
        when {{ loop.index0 | literal }} then perform from {{ S | ident }}.{{ ('_' ~ direction ~ '_' ~ bucket) | ident }};
{% endfor %}
    end case;
    return v_class;
end
${{ name | trusted }}$;

comment on function {{ S | ident }}.{{ name | ident }}(text, timestamptz) is
'Ends a call of a trigger of this direction. p_origin: what tandem.origin said before it, p_started: '
'when it began. Returns its class of duration.';
{% endfor %}
