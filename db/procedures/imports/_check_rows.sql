{% from 'procedures/imports/macros.jinja' import parsed with context %}
{% macro place(t) %}
{# Where a person finds a record: a row has no line where it did not come from a file. #}
coalesce('line ' || {{ t | ident }}.line_no, 'row ' || {{ t | ident }}.row_no)
{%- endmacro %}
-- All that can be said of an input before anything of it is written, in one pass: what is no value
-- of its column, which rows name the same key, which contradict each other about a master. A row
-- that is in order leaves nothing behind here. No statistics say how many records there are, and a
-- nested loop over all of them would not end. What is off makes plans look costly: to compile them
-- would take longer than the check.
create or replace function {{ '_check_rows' | relation(S) }}(p_import bigint, p_run bigint) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set work_mem = '64MB'
set jit = off
as $_check_rows$
declare
    r_job tandem.import_job;
    v_places integer[];
    v_warnings jsonb;
begin
    select j.* into strict r_job from tandem.import_job as j where j.import_id = p_import;
    v_places := r_job.places;
    with tested as materialized (
        select
            p.*, coalesce(
{% for condition, field, sqlstate, message, hint in import_tests(m) %}
                {{ condition | trusted }}{{ ' or' if not loop.last }}
{% endfor %}
            , false) as is_bad,
            {{ m | is_odd }} as is_odd
        from (
            {% call parsed() %}{% endcall %}

        ) as p
    ),

    twins as (
        select
{% for master in m.masters %}
            t.{{ ('k_' ~ master.name) | ident }},
{% endfor %}
            pg_catalog.min(t.row_no) as first_row, pg_catalog.max(t.row_no) as last_row
        from tested as t
        where not t.is_bad
        group by {% for master in m.masters %}t.{{ ('k_' ~ master.name) | ident }}{{ ', ' if not loop.last }}{% endfor %}

        having pg_catalog.count(*) > 1
    ),

    -- by_row is the winner; where there is to be none, another of the same key
    named_twice as materialized (
        select
            t.row_no, case r_job.duplicates
                when 'first' then w.first_row
                when 'last' then w.last_row
                else case t.row_no when w.first_row then w.last_row else w.first_row end
            end as by_row
        from twins as w
        join tested as t on {{ m | same_keys('t', 'w') }}
        where not t.is_bad
    ),
{% for master in m.masters %}
{% for field in master.plain_fields %}

    {{ object_name('says', field.name) | ident }} as not materialized (
        select t.row_no, t.{{ ('k_' ~ master.name) | ident }} as master_key, coalesce(t.{{ field | raw }}, '') as said
        from tested as t
        where v_places[{{ field.ordinal | literal }}] is not null and not t.is_bad
            and (t.{{ field | raw }} is not null or r_job.empty = 'clear')
            and not exists (
                select from named_twice as n
                where n.row_no = t.row_no and (n.row_no <> n.by_row or r_job.duplicates = 'error')
            )
    ),

    {{ object_name('disputes', field.name) | ident }} as (
        select
            s.master_key, case r_job.duplicates when 'last' then pg_catalog.max(s.row_no)
                else pg_catalog.min(s.row_no) end as by_row
        from {{ object_name('says', field.name) | ident }} as s
        group by s.master_key
        having pg_catalog.min(s.said) <> pg_catalog.max(s.said)
    ),
{% endfor %}
{% endfor %}

    disputed (row_no, field, by_row) as materialized (
{% for master in m.masters %}
{% for field in master.plain_fields %}
        select s.row_no, {{ field.name | literal }}::text, w.row_no
        from {{ object_name('disputes', field.name) | ident }} as d
        join {{ object_name('says', field.name) | ident }} as s on s.master_key = d.master_key
        join {{ object_name('says', field.name) | ident }} as w on w.row_no = d.by_row
        where s.said <> w.said
        union all
{% endfor %}
{% endfor %}
        select null::integer, null::text, null::integer
        where false
    ),

    faults as (
        select t.row_no, x.field, x.sqlstate, x.message, x.hint
        from tested as t
        cross join lateral (
            select
                (pg_catalog.array_agg(y.field order by y.position))[1] as field,
                (pg_catalog.array_agg(y.sqlstate order by y.position))[1] as sqlstate,
                (pg_catalog.array_agg(y.hint order by y.position))[1] as hint,
                pg_catalog.string_agg(
                    pg_catalog.concat(y.field || ': ', y.message), '; ' order by y.position
                ) as message
            from (select t.*) as p
            cross join lateral (
                values
{% for condition, field, sqlstate, message, hint in import_tests(m) %}
                (
                    {{ loop.index | literal }}, {{ field | trusted }}::text, {{ sqlstate | literal }},
                    {{ message | trusted }},
                    {{ hint | trusted }},
                    {{ condition | trusted }}
                ){{ ',' if not loop.last }}
{% endfor %}
            ) as y (position, field, sqlstate, message, hint, applies)
            -- a record that could not be read says nothing else
            where y.applies and (y.position = 1 or p.fault is null)
        ) as x
        where t.is_bad
        union all
        select
            n.row_no, null, '21000', pg_catalog.format('%s has the same key', {{ place('o') }}),
            'Leave one of them, or say which is to win: duplicates first or last.'
        from named_twice as n
        join tested as o on o.row_no = n.by_row
        where r_job.duplicates = 'error'
        union all
        select
            d.row_no, pg_catalog.min(d.field), '21000', pg_catalog.string_agg(
                pg_catalog.format('%s: %s says otherwise', d.field, {{ place('o') }}), '; '
                order by d.field
            ), 'Make them say the same, or say which is to win: duplicates first or last.'
        from disputed as d
        join tested as o on o.row_no = d.by_row
        where r_job.duplicates = 'error'
        group by d.row_no
    ),

    rejected as (
        insert into tandem.rejected_row (
            rejected_id, mapping, side, row_key, content, sqlstate, message, hint, run_id,
            import_id, row_no, line_no, column_name
        )
        select
            tandem.new_id(), r_job.mapping, 'import', pg_catalog.concat(p_import, '/', x.row_no),
            pg_catalog.to_json(r.content), x.sqlstate, x.message, x.hint, p_run, p_import,
            x.row_no, r.line_no, x.field
        from faults as x
        join tandem.import_row as r on r.row_no = x.row_no
        where r.import_id = p_import and r.is_durable = r_job.is_durable
    ),

    superseded as (
        insert into tandem.import_mark (import_id, row_no, mark, by_row)
        select p_import, n.row_no, 'superseded', n.by_row
        from named_twice as n
        where n.row_no <> n.by_row and r_job.duplicates <> 'error'
    ),

    overruled as (
        insert into tandem.import_mark (import_id, row_no, mark, subject, by_row)
        select p_import, d.row_no, 'overruled', d.field, d.by_row
        from disputed as d
        where r_job.duplicates <> 'error'
    ),

    warned as (
        select
            w.kind, pg_catalog.count(*) as rows, (pg_catalog.array_agg(
                pg_catalog.format('%s, %s: %L', {{ place('t') }}, v.field, v.value) order by t.row_no
            ))[1:3] as samples
        from tested as t
        cross join lateral (
            values
{% for master in m.masters %}
            ({{ master.key_field.name | literal }}, t.{{ master.key_field | raw }}){{ ',' if not loop.last }}
{% endfor %}
        ) as v (field, value)
        cross join lateral pg_catalog.unnest(tandem._name_warnings(v.value)) as w (kind)
        where t.is_odd and not t.is_bad
        group by w.kind
        union all
        select
            'contradiction', pg_catalog.count(*), (pg_catalog.array_agg(
                pg_catalog.format('%s, %s: %s says otherwise', {{ place('t') }}, d.field, {{ place('o') }})
                order by d.row_no
            ))[1:3]
        from disputed as d
        join tested as t on t.row_no = d.row_no
        join tested as o on o.row_no = d.by_row
        where r_job.duplicates <> 'error'
        having pg_catalog.count(*) > 0
    )

    select coalesce(pg_catalog.jsonb_object_agg(w.kind, pg_catalog.jsonb_build_object(
        'rows', w.rows, 'samples', w.samples
    )), '{}')
    into v_warnings
    from warned as w;
    return v_warnings;
end
$_check_rows$;

comment on function {{ '_check_rows' | relation(S) }}(bigint, bigint) is
'Tests the input of an import, notes the rows that are not to be written, and returns warnings by '
'kind: how many rows, and three samples.';
