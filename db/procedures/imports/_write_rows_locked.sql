{% from 'procedures/imports/macros.jinja' import given, parsed, job_of_batch with context %}
{% macro keep_image(table, action, before) %}
insert into tandem.import_change (import_id, from_row, table_name, action, images{{ '' if action == 'insert' else ', overwrote' }})
                values (p_import, r_in.row_no, {{ table.table | literal }}, {{ action | literal }},
                    pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, {{ before | trusted }}, v_after)){{ '' if action == 'insert' else ', array[v_writer]' }});
{%- endmacro %}
{% macro suppress(table) %}
insert into tandem.import_mark (import_id, row_no, mark, subject)
                values (p_import, r_in.row_no, 'suppressed', {{ table.table | literal }});
                v_outcome := 'suppressed';
                exit a_row;
{%- endmacro %}
{% macro says(field) %}
v_places[{{ field.ordinal | literal }}] is not null and (r_in.{{ field | raw }} is not null or v_clears)
{%- endmacro %}
{% macro find(table, is_row, target) %}
select t.{{ table.id | ident }} into {{ target | trusted }} from {{ table.table | relation(m.schema) }} as t
                where {{ is_row | trusted }} and t.{{ table.deleted | ident }} is null;
{%- endmacro %}
{% macro is_master(master) %}
{{ master | key_of_row('t') }} = r_in.{{ ('k_' ~ master.name) | ident }}
{%- endmacro %}
{% macro is_variant() %}
{% for reference in m.variant.references %}
t.{{ reference.column | ident }} {{ '=' if reference.master.required else 'is not distinct from' }} r_in.{{ ('i_' ~ reference.master.name) | ident }}{{ ' and ' if not loop.last }}
{%- endfor %}
{%- endmacro %}
{% macro find_variant() %}
{# What has all its masters by the whole index, else by the part of it that has a value. #}
if {% for master in m.optional %}r_in.{{ ('i_' ~ master.name) | ident }} is not null{{ ' and ' if not loop.last }}{% else %}true{% endfor %} then
                    select t.{{ m.variant.id | ident }} into r_in.row_id from {{ m.variant.table | relation(m.schema) }} as t
                    where {% for reference in m.variant.references %}t.{{ reference.column | ident }} = r_in.{{ ('i_' ~ reference.master.name) | ident }} and {% endfor %}t.{{ m.variant.deleted | ident }} is null;
                else
                    select t.{{ m.variant.id | ident }} into r_in.row_id from {{ m.variant.table | relation(m.schema) }} as t
                    where {{ is_variant() }} and t.{{ m.variant.deleted | ident }} is null;
                end if;
{%- endmacro %}
{% macro revive(table, is_row) %}
{# The row with this key that was deleted last. #}
if r_job.deleted <> 'create' then
                    select t.{{ table.id | ident }} into v_id from {{ table.table | relation(m.schema) }} as t
                    where {{ is_row | trusted }} and t.{{ table.deleted | ident }} is not null
                    order by t.{{ table.deleted | ident }} desc, t.{{ table.id | ident }} desc
                    limit 1;
                    if v_id is not null and r_job.deleted = 'error' then
                        perform tandem._reject_import_row(
                            p_import, p_run, r_in.row_no, '23505',
                            {{ ('a deleted row of ' ~ table.table ~ ' has its key') | literal }},
                            'Bring that row back, name another, or import with deleted revive or create.'
                        );
                        v_outcome := 'failed';
                        exit a_row;
                    elsif v_id is not null then
                        v_is_updated := true;
                        update {{ table.table | relation(m.schema) }} as t set {{ table.deleted | ident }} = null
                        from {{ table.table | relation(m.schema) }} as o
                        where t.{{ table.id | ident }} = v_id and o.{{ table.id | ident }} = v_id
                        returning pg_catalog.jsonb_build_object({{ table.deleted | literal }}, o.{{ table.deleted | ident }}),
                            pg_catalog.jsonb_build_object({{ table.deleted | literal }}, t.{{ table.deleted | ident }}), o.xmin
                        into v_before, v_after, v_writer;
                        if found then
                            {{ keep_image(table, 'revive', 'v_before') | indent(12) }}
                        end if;
                    end if;
                end if;
{%- endmacro %}
{% macro value(table, field) %}
{# A name may be trimmed. #}
{% if table != m.variant and table.trim and field.column == table.key %}
tandem._trim(r_in.{{ field | raw }})
{%- else %}
r_in.{{ field | raw }}
{%- endif %}
{%- endmacro %}
{% macro insert(table) %}
{# What the row says of itself, where none is there. #}
insert into {{ table.table | relation(m.schema) }} as t (
{%- if table == m.variant %}
{% for reference in m.variant.references %}{{ reference.column | ident }}{{ ', ' if table.fields or not loop.last }}{% endfor %}
{% endif %}
{% for field in table.fields %}{{ field.column | ident }}{{ ', ' if not loop.last }}{% endfor %})
                values (
{%- if table == m.variant %}
{% for reference in m.variant.references %}r_in.{{ ('i_' ~ reference.master.name) | ident }}{{ ', ' if table.fields or not loop.last }}{% endfor %}
{% endif %}
{% for field in table.fields %}{{ value(table, field) }}{{ ', ' if not loop.last }}{% endfor %})
                returning t.{{ table.id | ident }}, {{ table | image('t') }} into v_id, v_after;
                if found then
                    {{ keep_image(table, 'insert', 'null') | indent(4) }}
                end if;
{%- endmacro %}
{% macro update(table, id, overruled) %}
{# What differs of what the row may say. #}
select {{ table | image('t') }}, t.xmin into v_before, v_writer from {{ table.table | relation(m.schema) }} as t
                where t.{{ table.id | ident }} = {{ id | trusted }} and (
{% for field in table.plain_fields %}
                    {{ says(field) }}{% if overruled %} and not r_in.row_no = any ({{ object_name('v_overruled', field.name) | ident }}){% endif %} and {{ field | differs_from('t', 'r_in') }}{{ ' or' if not loop.last }}
{% endfor %}
                );
                if found then
                    update {{ table.table | relation(m.schema) }} as t
                    set
{% for field in table.plain_fields %}
                        {{ field.column | ident }} = case when {{ says(field) }}{% if overruled %} and not r_in.row_no = any ({{ object_name('v_overruled', field.name) | ident }}){% endif %} then r_in.{{ field | raw }} else t.{{ field.column | ident }} end{{ ',' if not loop.last }}
{% endfor %}
                    where t.{{ table.id | ident }} = {{ id | trusted }}
                    returning t.{{ table.id | ident }}, {{ table | image('t') }} into v_id, v_after;
                    if not found then
                        {{ suppress(table) | indent(8) }}
                    end if;
                    v_is_updated := true;
                    {{ keep_image(table, 'update', 'v_before') | indent(4) }}
                end if;
{%- endmacro %}
-- The old path, kept until it is retired: what importers did before, so that both can be compared
-- and a flag can go back. It locks all tables of the import against every other writer to its end,
-- then looks for each row and inserts or updates it. What becomes of a row is what the new path
-- makes of it; a row is taken back by itself, as those importers did, by an EXCEPTION part for each.
create or replace function {{ '_write_rows_locked' | relation(S) }}(
    p_import bigint, p_run bigint, p_from integer, p_to integer
) returns tandem.import_counts
language plpgsql
set search_path = {{ m.search_path | path }}
set enable_seqscan = off
set jit = off
as $_write_rows_locked$
declare
    r_job tandem.import_job;
    r_counts tandem.import_counts := row(0, 0, 0, 0, 0);
    v_places integer[];
    v_clears boolean;
{% if m.variant %}
    v_has_variants boolean;
{% endif %}
    v_deferred text := tandem._deferred_constraints({{ m.name | literal }});
    v_skipped integer[];
{% for master in m.masters %}
{% for field in master.plain_fields %}
    {{ object_name('v_overruled', field.name) | ident }} integer[];
{% endfor %}
{% endfor %}
    v_id {{ m.id_type | sqltype }};
    v_before jsonb;
    v_after jsonb;
    v_writer xid;
    v_is_new boolean;
    v_is_updated boolean;
    v_outcome text;
    v_message text;
    v_hint text;
    v_failure jsonb;
    r_in {{ 'batch_row' | relation(S) }};
begin
{% for table in m.tables %}
    -- pgtandem: allow lock: this is the old path
    lock table {{ table.table | relation(m.schema) }} in share row exclusive mode;
{% endfor %}
    {{ job_of_batch() | trim }}
    for r_in in
        select
            p.row_no, null
{%- for master in m.masters %},
            p.{{ ('k_' ~ master.name) | ident }}, null
{%- endfor %}
{%- for field in m.fields %},
            {{ field | typed('p') }}
{%- endfor %}

        from (
            {% call parsed() %}

                    and r.row_no between p_from and p_to and r.row_no <> all (v_skipped)
{%- endcall %}

        ) as p
        order by p.row_no
    loop
        r_counts.tried := r_counts.tried + 1;
        v_is_new := false;
        v_is_updated := false;
        begin
            if v_deferred is not null then
                execute pg_catalog.format('set constraints %s deferred', v_deferred);
            end if;
            <<a_row>>
            begin
{% filter indent(4, true) %}
{% for master in m.masters %}

            -- {{ master.table | ident }}
            if r_in.{{ ('k_' ~ master.name) | ident }} is not null then
                {{ find(master, is_master(master), 'r_in.' ~ ('i_' ~ master.name) | ident) }}
                if r_in.{{ ('i_' ~ master.name) | ident }} is null then
                    {{ revive(master, is_master(master)) | indent(4) }}
                    {{ find(master, is_master(master), 'r_in.' ~ ('i_' ~ master.name) | ident) | indent(4) }}
                end if;
                if r_in.{{ ('i_' ~ master.name) | ident }} is null then
                    {{ insert(master) | indent(4) }}
{% if master.required %}
                    v_is_new := {{ 'not v_has_variants and ' if m.variant }}v_id is not null;
{% endif %}
                    {{ find(master, is_master(master), 'r_in.' ~ ('i_' ~ master.name) | ident) | indent(4) }}
                end if;
            end if;
{% endfor %}
{% for master in m.masters %}
            if r_in.{{ ('k_' ~ master.name) | ident }} is not null and r_in.{{ ('i_' ~ master.name) | ident }} is null then
                {{ suppress(master) }}
            end if;
{% if master.plain_fields %}
            if {{ given(master.plain_fields) }} then
                {{ update(master, 'r_in.' ~ ('i_' ~ master.name) | ident, true) }}
            end if;
{% endif %}
{% endfor %}
{% if m.variant %}

            -- {{ m.variant.table | ident }}
            if v_has_variants then
                {{ find_variant() }}
                if r_in.row_id is null then
                    {{ revive(m.variant, is_variant()) | indent(4) }}
                    {{ find_variant() | indent(4) }}
                end if;
                if r_in.row_id is null then
                    {{ insert(m.variant) | indent(4) }}
                    v_is_new := v_id is not null;
                    {{ find_variant() | indent(4) }}
                    if r_in.row_id is null then
                        {{ suppress(m.variant) | indent(8) }}
                    end if;
{% if m.variant.fields %}
                elsif {{ given(m.variant.fields) }} then
                    {{ update(m.variant, 'r_in.row_id', false) | indent(4) }}
{% endif %}
                end if;
            end if;
{% endif %}
{% endfilter %}
                v_outcome := case when v_is_new then 'inserted' when v_is_updated then 'updated' else 'unchanged' end;
            end;
            if v_deferred is not null then
                execute pg_catalog.format('set constraints %s immediate', v_deferred);
            end if;
        -- lint: others: a row may raise anything; it is kept back or raised again
        exception when others then
            get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint;
            v_failure := tandem._failure(sqlstate, v_message);
            if (v_failure ->> 'retry')::boolean or not (v_failure ->> 'row')::boolean then
                raise;
            end if;
            perform tandem._reject_import_row(
                p_import, p_run, r_in.row_no, sqlstate, v_message, v_hint
            );
            v_outcome := 'failed';
        end;
        r_counts.inserted := r_counts.inserted + (v_outcome = 'inserted')::integer;
        r_counts.updated := r_counts.updated + (v_outcome = 'updated')::integer;
        r_counts.suppressed := r_counts.suppressed + (v_outcome = 'suppressed')::integer;
        r_counts.failed := r_counts.failed + (v_outcome = 'failed')::integer;
    end loop;
    perform tandem._gather_changes(p_import, p_from, p_to, r_job.batch_rows);
    return r_counts;
end
$_write_rows_locked$;

comment on function {{ '_write_rows_locked' | relation(S) }}(bigint, bigint, integer, integer) is
'The old path of an import: locks its tables against all other writers, then writes row by row. '
'Counts as _write_rows does.';
