{% from 'procedures/imports/macros.jinja' import job_of_batch, parsed with context %}
{% macro keep_images(table, action) %}
{# What a statement has changed, from made (id, before, after); not of an insert: writer, who had written it before. #}
insert into tandem.import_change (import_id, from_row, table_name, action, images{{ '' if action == 'insert' else ', overwrote' }})
        select p_import, p_from, {{ table.table | literal }}, {{ action | literal }},
            pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after)){{ '' if action == 'insert' else ', pg_catalog.array_agg(x.writer)' }}
        from made as x
        having pg_catalog.count(*) > 0
{%- endmacro %}
{% macro swallow(table) %}
{# The rows of v_named had no effect on a table. #}
insert into tandem.import_mark (import_id, row_no, mark, subject)
        select p_import, n.row_no, 'suppressed', {{ table.table | literal }}
        from pg_catalog.unnest(v_named) as n (row_no);
        v_suppressed := v_suppressed || v_named;
        v_rows := array(
            select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
        );
{%- endmacro %}
{% macro same_variants(t, ids, gone) %}
{# Variants t that have given ids. Case by case, so that each look goes by an index over all of them, however many variants
   an item has. #}
{% for case in variant_cases(m) %}
{{ ('' if loop.first else '\n            union all\n            ') | trusted }}select {{ t | ident }}.* from {{ m.variant.table | relation(m.schema) }} as {{ t | ident }}
            where {{ case | of_variant(t, ids) }} and {{ t | ident }}.{{ m.variant.deleted | ident }} {{ 'is not null' if gone else 'is null' }}
{%- endfor %}
{%- endmacro %}
{% macro with_deleted(table) %}
{# Rows r of the batch, and the deleted rows t that they name. #}
from pg_catalog.unnest(v_rows) as r
        cross join lateral (
{%- if table == m.variant %}

            {{ same_variants('t', 'row', true) }}
{%- else %}

            select t.* from {{ table.table | relation(m.schema) }} as t
            where {{ table | key_of_row('t') }} = r.{{ ('k_' ~ table.name) | ident }} and t.{{ table.deleted | ident }} is not null
            offset 0
{%- endif %}

        ) as t
{%- endmacro %}
{% macro revive(table) %}
{# Deleted rows that the input names: of each key the one that was deleted last, where none is live. #}
v_ids := array(
        select distinct on ({{ table | key_list('t') }}) t.{{ table.id | ident }}
        {{ with_deleted(table) }}
        where r_job.deleted <> 'create' and not exists (
{% if table == m.variant %}
            {{ same_variants('o', 'variant', false) }}
{% else %}
            select from {{ table.table | relation(m.schema) }} as o
            where {{ table | key_of_row('o') }} = {{ table | key_of_row('t') }} and o.{{ table.deleted | ident }} is null
{% endif %}
        )
        order by {{ table | key_list('t') }}, t.{{ table.deleted | ident }} desc, t.{{ table.id | ident }} desc
    );
    if v_ids <> '{}' then
        v_named := array(
            select r.row_no {{ with_deleted(table) | indent(4) }}
            where t.{{ table.id | ident }} = any (v_ids)
        );
        if r_job.deleted = 'error' then
            perform tandem._reject_import_row(
                p_import, p_run, n.row_no, '23505',
                {{ ('a deleted row of ' ~ table.table ~ ' has its key') | literal }},
                'Bring that row back, name another, or import with deleted revive or create.'
            )
            from pg_catalog.unnest(v_named) as n (row_no);
            r_counts.failed := r_counts.failed + pg_catalog.cardinality(v_named);
            -- a row may have changed a master already, and is counted once
            v_updated := array(
                select u.row_no from pg_catalog.unnest(v_updated) as u (row_no)
                where u.row_no <> all (v_named)
            );
            v_rows := array(
                select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
            );
        else
            perform from (select i.id from pg_catalog.unnest(v_ids) as i (id) order by i.id) as n
            cross join lateral (
                select from {{ table.table | relation(m.schema) }} as t
                where t.{{ table.id | ident }} = n.id
                for no key update
            ) as t;
            with due as materialized (
                select o.* from pg_catalog.unnest(v_ids) as n (id)
                cross join lateral (
                    select t.ctid as place, t.{{ table.deleted | ident }} as gone, t.xmin as writer from {{ table.table | relation(m.schema) }} as t
                    where t.{{ table.id | ident }} = n.id
                    offset 0
                ) as o
                where o.gone is not null
            ),

            made as (
                update {{ table.table | relation(m.schema) }} as t
                set {{ table.deleted | ident }} = null
                from due as o
                where t.ctid = o.place
                returning t.{{ table.id | ident }} as id,
                    pg_catalog.jsonb_build_object({{ table.deleted | literal }}, o.gone) as before,
                    pg_catalog.jsonb_build_object({{ table.deleted | literal }}, t.{{ table.deleted | ident }}) as after, o.writer
            )

            {{ keep_images(table, 'revive') | indent(4) }};
            v_updated := v_updated || v_named;
        end if;
    end if;
{%- endmacro %}
{% macro says(field) %}
{# Whether a row r has something to say of a field. #}
v_places[{{ field.ordinal | literal }}] is not null and (r.{{ field | raw }} is not null or v_clears)
{%- endmacro %}
{% macro voices(table) %}
{# Of each row of a table that the batch names: what is said of its other columns, and whether anything is. #}
{% if table == m.variant %}
select
            r.row_id as id, r.row_no
{%- for field in table.plain_fields %},
            r.{{ field | raw }}, {{ says(field) }} as {{ object_name('s', field.name) | ident }}
{%- endfor %}

        from pg_catalog.unnest(v_rows) as r
        where r.row_id is not null
{%- else %}
select
            r.{{ ('i_' ~ table.name) | ident }} as id, pg_catalog.min(r.row_no) as row_no
{%- for field in table.plain_fields %},
            (pg_catalog.array_agg(r.{{ field | raw }}) filter (
                where {{ says(field) }}
                    and r.row_no <> all ({{ object_name('v_overruled', field.name) | ident }})
            ))[1] as {{ field | raw }},
            pg_catalog.bool_or(
                {{ says(field) }}
                and r.row_no <> all ({{ object_name('v_overruled', field.name) | ident }})
            ) as {{ object_name('s', field.name) | ident }}
{%- endfor %}

        from pg_catalog.unnest(v_rows) as r
        group by r.{{ ('i_' ~ table.name) | ident }}
{%- endif %}
{%- endmacro %}
{% macro differing(table) %}
{% for field in table.plain_fields %}
n.{{ object_name('s', field.name) | ident }} and {{ field | differs_from('t', 'n') }}{{ ' or ' if not loop.last }}
{%- endfor %}
{%- endmacro %}
{% macro update(table) %}
{# What differs is locked first, in the order of its ids, and then written: what another transaction has committed
   meanwhile is seen, as each statement has a snapshot of its own. What was deleted meanwhile is looked for anew, by the
   loop's next try. #}
perform from (
        select v.* from (
            {{ voices(table) | indent(4) }}
        ) as v
        order by v.id
    ) as n
    cross join lateral (
        select from {{ table.table | relation(m.schema) }} as t
        where t.{{ table.id | ident }} = n.id and ({{ differing(table) }})
        for no key update
    ) as t;
    if found then
{% if table != m.variant %}
        if exists (
            select from pg_catalog.unnest(v_rows) as r
            cross join lateral (
                select t.{{ table.deleted | ident }} as gone from {{ table.table | relation(m.schema) }} as t
                where t.{{ table.id | ident }} = r.{{ ('i_' ~ table.name) | ident }}
                offset 0
            ) as t
            where t.gone is not null
        ) then
            raise exception '%', {{ ('another session has deleted rows of ' ~ table.table) | literal }}
            using errcode = 'serialization_failure', detail = 'The batch waited for it.',
                hint = 'The same is tried again.';
        end if;
{% endif %}
        with due as materialized (
            select n.*, o.*
            from (
                {{ voices(table) | indent(8) }}
            ) as n
            cross join lateral (
                select t.ctid as place, {{ table | image_row('t') }} as before, t.xmin as writer
                from {{ table.table | relation(m.schema) }} as t
                where t.{{ table.id | ident }} = n.id and ({{ differing(table) }})
                offset 0
            ) as o
        ),

        made as (
            update {{ table.table | relation(m.schema) }} as t
            set
{% for field in table.plain_fields %}
                {{ field.column | ident }} = case when n.{{ object_name('s', field.name) | ident }} then n.{{ field | raw }} else t.{{ field.column | ident }} end{{ ',' if not loop.last }}
{% endfor %}
            from due as n
            where t.ctid = n.place
            returning t.{{ table.id | ident }} as id, n.row_no, n.before, {{ table | image_row('t') }} as after, n.writer
        ),

        kept as (
            {{ keep_images(table, 'update') | indent(4) }}
        )

        select
            v_updated || coalesce(pg_catalog.array_agg(n.row_no) filter (where n.id in (select x.id from made as x)), '{}'),
            coalesce(pg_catalog.array_agg(n.row_no) filter (where n.id not in (select x.id from made as x)), '{}')
        into v_updated, v_named
        from due as n;
        {{ swallow(table) }}
    end if;
{%- endmacro %}
{% macro variant_id(ids) %}
{# The id of the variant of a row. A name that is not there yet is no missing one. #}
case
{%- for case in variant_cases(m) %}

            when {{ case | is_case(ids) }} then (
                select t.{{ m.variant.id | ident }} from {{ m.variant.table | relation(m.schema) }} as t
                where {{ case | of_variant('t', ids, known=true) }} and t.{{ m.variant.deleted | ident }} is null
            )
{%- endfor %}

        end
{%- endmacro %}
{% macro inserted_items() %}
v_inserted := (
        select coalesce(pg_catalog.array_agg(r.row_no) filter (where r.{{ ('i_' ~ m.item.name) | ident }} in (select n.id from pg_catalog.unnest(v_new) as n (id))), '{}')
        from pg_catalog.unnest(v_rows) as r
    );
{%- endmacro %}
{% macro insert_variants(may_conflict) %}
{# ON CONFLICT looks at the index before it inserts, and once more when it has: where nobody else is, that is for nothing. #}
with made as (
            insert into {{ m.variant.table | relation(m.schema) }} as t ({% for reference in m.variant.references %}{{ reference.column | ident }}{{ ', ' if m.variant.fields or not loop.last }}{% endfor %}
{%- for field in m.variant.fields %}{{ field.column | ident }}{{ ', ' if not loop.last }}{% endfor %})
            select {% for reference in m.variant.references %}r.{{ ('i_' ~ reference.master.name) | ident }}{{ ', ' if m.variant.fields or not loop.last }}{% endfor %}
{%- for field in m.variant.fields %}r.{{ field | raw }}{{ ', ' if not loop.last }}{% endfor %}

            from pg_catalog.unnest(v_rows) as r
            where r.row_id is null
            order by {% for reference in m.variant.references %}r.{{ ('i_' ~ reference.master.name) | ident }}{{ ', ' if not loop.last }}{% endfor %}

{% if may_conflict %}
            on conflict {{ m.variant | arbiter }} do nothing
{% endif %}
            returning t.{{ m.variant.id | ident }} as id, null as before, {{ m.variant | image_row('t') }} as after
        ),

        kept as (
            {{ keep_images(m.variant, 'insert') | indent(4) }}
        )

        select coalesce(pg_catalog.array_agg(x.id), '{}') into v_new from made as x;
{%- endmacro %}
{% macro find(what) %}
{# The ids of what is there now, whoever inserted it: of masters that were not there, or of variants. #}
select pg_catalog.array_agg(row(
        r.row_no, {% if what == 'variants' %}case when r.row_id is null then {{ variant_id('row') }} else r.row_id end{% else %}r.row_id{% endif %}
{%- for master in m.masters %},
        r.{{ ('k_' ~ master.name) | ident }}, {% if what == 'masters' %}case when {{ master | id_of('row') }} is null and r.{{ ('k_' ~ master.name) | ident }} is not null then (
            select t.{{ master.id | ident }} from {{ master.table | relation(m.schema) }} as t
            where {{ master | key_of_row('t') }} = r.{{ ('k_' ~ master.name) | ident }} and t.{{ master.deleted | ident }} is null
        ) else {{ master | id_of('row') }} end{% else %}{{ master | id_of('row') }}{% endif %}
{%- endfor %}
{%- for field in m.fields %},
        r.{{ field | raw }}
{%- endfor %}

    )::{{ 'batch_row' | relation(S) }})
    into v_rows from pg_catalog.unnest(v_rows) as r;
{%- endmacro %}
-- A batch: statement by statement and table by table in one fixed order, each in the order of its
-- full key, so that imports of the same rows wait for each other and never deadlock. An INSERT has
-- only what is not there, so that a row which is there costs no sequence value; an UPDATE only what
-- differs, so that the rest costs no WAL. Plans are kept from batch to batch: one that was made when a
-- table was small has to be right when the import has filled it. So all go by the indexes, row by row;
-- what is looked up is a LATERAL of its own, which no plan can begin with, and by its key alone, as an
-- index over few rows looks as good as the key's; what is updated goes by its place. None is compiled,
-- however costly it looks.
create or replace function {{ '_write_rows' | relation(S) }}(
    p_import bigint, p_run bigint, p_from integer, p_to integer
) returns tandem.import_counts
language plpgsql
set search_path = {{ m.search_path | path }}
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set jit = off
as $_write_rows$
declare
    r_job tandem.import_job;
    r_counts tandem.import_counts := row(0, 0, 0, 0, 0);
    v_places integer[];
    v_clears boolean;
{% if m.variant %}
    v_has_variants boolean;
{% endif %}
    v_differs boolean := false;
    v_skipped integer[];
{% for master in m.masters %}
{% for field in master.plain_fields %}
    {{ object_name('v_overruled', field.name) | ident }} integer[];
{% endfor %}
{% endfor %}
    v_rows {{ 'batch_row' | relation(S) }}[];
{% for master in m.masters %}
    {{ ('v_lacks_' ~ master.name) | ident }} boolean;
    {{ ('v_lost_' ~ master.name) | ident }} integer[];
{% if master.plain_fields %}
    {{ ('v_differs_' ~ master.name) | ident }} boolean;
{% endif %}
{% endfor %}
    v_new {{ m.id_type | sqltype }}[] := '{}';
    v_ids {{ m.id_type | sqltype }}[];
    v_named integer[];
    v_inserted integer[] := '{}';
    v_updated integer[] := '{}';
    v_suppressed integer[] := '{}';
begin
    {{ job_of_batch() | trim }}
    -- what is there, and as the input has it, is done with
    select
        pg_catalog.count(*),
        pg_catalog.array_agg(row(
            p.row_no, {{ (m.variant.id | column(m.variant.name)) if m.variant else 'null' }}
{%- for master in m.masters %},
            p.{{ ('k_' ~ master.name) | ident }}, {{ master | id_of('table') }}
{%- endfor %}
{%- for field in m.fields %},
            {{ field | typed('p') }}
{%- endfor %}

        )::{{ 'batch_row' | relation(S) }}) filter (
            where false
{%- for master in m.masters %}

                or p.{{ ('k_' ~ master.name) | ident }} is not null and {{ master | id_of('table') }} is null
{%- for field in master.plain_fields %}

                or {{ field | is_news(master.name) }}
                and p.row_no <> all ({{ object_name('v_overruled', field.name) | ident }})
{%- endfor %}
{%- endfor %}
{%- if m.variant %}

                or v_has_variants and {{ m.variant.id | column(m.variant.name) }} is null
{%- for field in m.variant.fields %}

                or {{ field | is_news(m.variant.name) }}
{%- endfor %}
{%- endif %}

        )
{%- for master in m.masters %},
        pg_catalog.bool_or(p.{{ ('k_' ~ master.name) | ident }} is not null and {{ master | id_of('table') }} is null)
{%- if master.plain_fields %},
        pg_catalog.bool_or({{ master | id_of('table') }} is not null and ({% for field in master.plain_fields %}{{ field | is_news(master.name) }}{{ ' or ' if not loop.last }}{% endfor %}))
{%- endif %}
{%- endfor %}
{%- if m.variant and m.variant.fields %},
        pg_catalog.bool_or({{ m.variant.id | column(m.variant.name) }} is not null and ({% for field in m.variant.fields %}{{ field | is_news(m.variant.name) }}{{ ' or ' if not loop.last }}{% endfor %}))
{%- endif %}

    into
        r_counts.tried, v_rows
{%- for master in m.masters %}, {{ ('v_lacks_' ~ master.name) | ident }}
{%- if master.plain_fields %}, {{ ('v_differs_' ~ master.name) | ident }}{% endif %}
{%- endfor %}
{%- if m.variant and m.variant.fields %}, v_differs{% endif %}

    from (
        {% call parsed() %}

                and r.row_no between p_from and p_to and r.row_no <> all (v_skipped)
{%- endcall %}

    ) as p
{% for master in m.masters %}
    left join lateral (
        select t.{{ master.id | ident }}{% for field in master.plain_fields %}, t.{{ field.column | ident }}{% endfor %}

        from {{ master.table | relation(m.schema) }} as t
        where {{ master | key_of_row('t') }} = p.{{ ('k_' ~ master.name) | ident }} and t.{{ master.deleted | ident }} is null
        offset 0
    ) as {{ master.name | ident }} on true
{% endfor %}
{% if m.variant %}
    left join {{ m.variant.table | relation(m.schema) }} as {{ m.variant.name | ident }}
        on v_has_variants
        and {{ m.variant.id | column(m.variant.name) }} = {{ variant_id('table') }}
{% endif %}
    ;
    if v_rows is null then
        return r_counts;
    end if;
{% for master in m.masters %}
{% set key = ('k_' ~ master.name) %}

    -- {{ master.table | ident }}
    if {{ ('v_lacks_' ~ master.name) | ident }} then
        {{ revive(master) | indent(4) }}
        with made as (
            insert into {{ master.table | relation(m.schema) }} as t ({% for field in master.fields %}{{ field.column | ident }}{{ ', ' if not loop.last }}{% endfor %})
            select distinct on (r.{{ key | ident }} collate "C")
{% for field in master.fields %}
                {{ field | stored(master) }}{{ ',' if not loop.last }}
{% endfor %}
            from pg_catalog.unnest(v_rows) as r
            where r.{{ key | ident }} is not null and not exists (
                select from {{ master.table | relation(m.schema) }} as o
                where {{ master | key_of_row('o') }} = r.{{ key | ident }} and o.{{ master.deleted | ident }} is null
            )
            order by r.{{ key | ident }} collate "C",
{%- for field in master.plain_fields %}

                {{ says(field) }} and r.row_no <> all ({{ object_name('v_overruled', field.name) | ident }}) desc,
{%- endfor %}
 r.row_no
            on conflict {{ master | arbiter }} do nothing
            returning t.{{ master.id | ident }} as id, null as before, {{ master | image_row('t') }} as after
        ),

        kept as (
            {{ keep_images(master, 'insert') | indent(4) }}
        )

        select coalesce(pg_catalog.array_agg(x.id), '{}') into {{ 'v_new' if master.required else 'v_ids' }} from made as x;
{% if master.plain_fields %}
        -- where another session was first{% if master.plain_fields | length > 1 %}, or what another row of the batch says{% endif %}

        {{ ('v_differs_' ~ master.name) | ident }} := {{ ('v_differs_' ~ master.name) | ident }} or pg_catalog.cardinality({{ 'v_new' if master.required else 'v_ids' }}) < (
            select pg_catalog.count({% if master.plain_fields | length > 1 %}*{% else %}distinct r.{{ ('k_' ~ master.name) | ident }} collate "C"{% endif %}) from pg_catalog.unnest(v_rows) as r
            where {{ master | id_of('row') }} is null
        );
{% endif %}
    end if;
{% endfor %}
    if {% for master in m.masters %}{{ ('v_lacks_' ~ master.name) | ident }}{{ ' or ' if not loop.last }}{% endfor %} then
        {{ find('masters') | indent(4) }}
        select
{% for master in m.masters %}
            pg_catalog.array_agg(r.row_no) filter (
                where r.{{ ('k_' ~ master.name) | ident }} is not null and r.{{ ('i_' ~ master.name) | ident }} is null
            ){{ ',' if not loop.last }}
{% endfor %}
        into {% for master in m.masters %}{{ ('v_lost_' ~ master.name) | ident }}{{ ', ' if not loop.last }}{% endfor %}

        from pg_catalog.unnest(v_rows) as r;
{% for master in m.masters %}
        if {{ ('v_lost_' ~ master.name) | ident }} is not null then
            v_named := {{ ('v_lost_' ~ master.name) | ident }};
            {{ swallow(master) | indent(8) }}
        end if;
{% endfor %}
    end if;
{% for master in m.masters if master.plain_fields %}
    if {{ ('v_differs_' ~ master.name) | ident }} then
        {{ update(master) | indent(4) }}
    end if;
{% endfor %}
{% if m.variant %}
    if not v_has_variants then
        {{ inserted_items() | indent(4) }}
        return tandem._import_counts(r_counts, v_inserted, v_updated, v_suppressed);
    end if;

    -- {{ m.variant.table | ident }}
    if exists (select from pg_catalog.unnest(v_rows) as r where r.row_id is null) then
        {{ revive(m.variant) | indent(4) }}
        if v_ids <> '{}' then
            v_differs := true;
            {{ find('variants') | indent(8) }}
        end if;
        begin
            {{ insert_variants(false) | indent(4) }}
        -- another session was first with some of them, and has committed
        exception when unique_violation then
            {{ insert_variants(true) | indent(4) }}
        end;
        v_inserted := array(
            select r.row_no from pg_catalog.unnest(v_rows) as r where r.row_id is null
        );
        if pg_catalog.cardinality(v_new) < pg_catalog.cardinality(v_inserted) then
            -- another session was first with some of them, or a trigger swallowed them
            {{ find('variants') | indent(8) }}
            v_differs := true;
            v_named := array(
                select r.row_no from pg_catalog.unnest(v_rows) as r where r.row_id is null
            );
            {{ swallow(m.variant) | indent(4) }}
            v_inserted := array(
                select r.row_no from pg_catalog.unnest(v_rows) as r where r.row_id = any (v_new)
            );
            v_rows := array(
                select r from pg_catalog.unnest(v_rows) as r where r.row_id <> all (v_new)
            );
        end if;
    end if;
{% if m.variant.fields %}
    if v_differs then
        {{ update(m.variant) | indent(4) }}
    end if;
{% endif %}
{% else %}
    {{ inserted_items() }}
{% endif %}
    return tandem._import_counts(r_counts, v_inserted, v_updated, v_suppressed);
end
$_write_rows$;

comment on function {{ '_write_rows' | relation(S) }}(bigint, bigint, integer, integer) is
'Writes the rows of an import from one number to another, those left out that are rejected or '
'superseded; says how many were inserted, updated, suppressed, failed, and tried.';
