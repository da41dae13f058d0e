{% macro in_range() %}
{{ m.flat.key | column('flat') }} >= v_from and {{ m.flat.key | column('flat') }} <= v_last
{%- endmacro %}
{% macro todo() %}
{{ in_range() | trusted }}
            and {{ m.leaf.sync | column('flat') }} is null and {{ m.flat.status | column('flat') }} = 'active'
{%- endmacro %}
{% macro fault() %}
{{ S | ident }}._fault(
            {% for pair in m.pairs %}{{ pair.flat | column('flat') }}{{ ', ' if not loop.last }}{% endfor %}

        )
{%- endmacro %}
{% macro join_level(level, position) %}
{# OFFSET 0 keeps the planner from joining a level to the one above first: on tables that it takes for
   empty it would read all children of a parent for each row. #}
cross join lateral (
            select {{ level.id | column('one') }}{% if level.parent %}, {{ level.parent | column('one') }}{% endif %}
{%- for pair in level.key_pairs %}, {{ pair.hier | column('one') }}{% endfor %}

            from {{ level.table | relation(m.schema) }} as one
            where {% if level.parent %}{{ level.parent | column('one') }} = {{ m.levels[position - 1].id | column(m.levels[position - 1].name) }}
                and {% endif %}
{% for pair in level.key_pairs %}
{{ pair.hier | column('one') }} = {{ pair | put('flat') }}{{ '
                and ' if not loop.last }}
{%- endfor %}

            offset 0
        ) as {{ level.name | ident }}
{%- endmacro %}
-- One batch of rows. They are locked before they are read: a row that is deleted or changed
-- meanwhile is either seen as it is afterwards, or is the triggers' work. Index plans are held to,
-- because plans are first made while the new tables are empty and unanalysed.
create or replace function {{ S | ident }}._migrate_batch(p_run bigint, p_rows integer, p_failure jsonb)
returns tandem.step_result
language plpgsql
set search_path = {{ m.search_path | path }}
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set enable_bitmapscan = off
as $_migrate_batch$
declare
    v_from {{ m.flat.key_type | sqltype }};
    v_to {{ m.flat.key_type | sqltype }};
    v_last {{ m.flat.key_type | sqltype }};
    v_next {{ m.flat.key_type | sqltype }};
    v_key {{ m.flat.key_type | sqltype }};
    v_now timestamptz;
    v_left bigint;
    v_written bigint := 0;
    v_rejected bigint := 0;
    v_lost bigint;
    v_tries integer := 0;
    r_run tandem.run;
    r_result tandem.step_result;
    r_row record;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    -- The range is fixed at its first batch: rows inserted above it later are the triggers' work.
    if r_run.cursor ? 'to' then
        v_from := (r_run.cursor ->> 'from')::{{ m.flat.key_type | sqltype }};
        v_to := (r_run.cursor ->> 'to')::{{ m.flat.key_type | sqltype }};
    else
        select {{ m.flat.key | column('flat') }} into v_from
        from {{ m.flat.table | relation(m.schema) }} as flat
        where r_run.key_from is null or {{ m.flat.key | column('flat') }} >= r_run.key_from::{{ m.flat.key_type | sqltype }}
    order by {{ m.flat.key | column('flat') }}
    limit 1;
        select {{ m.flat.key | column('flat') }} into v_to
        from {{ m.flat.table | relation(m.schema) }} as flat
        where r_run.key_to is null or {{ m.flat.key | column('flat') }} <= r_run.key_to::{{ m.flat.key_type | sqltype }}
    order by {{ m.flat.key | column('flat') }} desc
    limit 1;
    end if;
    select (pg_catalog.array_agg(b.batch_key order by b.batch_key desc))[1], pg_catalog.count(*) into v_last, r_result.read_rows
    from (
        select {{ m.flat.key | column('flat') }} as batch_key
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.flat.key | column('flat') }} >= v_from and {{ m.flat.key | column('flat') }} <= v_to
        order by {{ m.flat.key | column('flat') }}
        limit p_rows
        for no key update
    ) as b;
    if v_last is null then
        r_result.cursor := r_run.cursor || pg_catalog.jsonb_build_object('stage', 'orphans');
        return r_result;
    end if;

    -- Rows that the loop found to fail on their own, and rows that cannot fit.
    if p_failure is not null then
        perform tandem._reject(
            {{ m.name | literal }}, 'flat', {{ m.flat.key | column('flat') }}::text, pg_catalog.to_jsonb(flat.*),
            p_failure ->> 'sqlstate', p_failure ->> 'message',
            coalesce(nullif(p_failure ->> 'hint', ''), p_failure ->> 'detail'), p_run
        )
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ in_range() | trusted }};
        update {{ m.flat.table | relation(m.schema) }} as flat
        set {{ m.flat.status | ident }} = 'rejected'
        where {{ in_range() | trusted }} and {{ m.flat.status | column('flat') }} is distinct from 'rejected';
        v_rejected := r_result.read_rows;
    else
        for r_row in
            select {{ m.flat.key | column('flat') }} as row_key, pg_catalog.to_jsonb(flat.*) as content, {{ fault() | trusted }} as fault
            from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ in_range() | trusted }} and {{ m.leaf.sync | column('flat') }} is null
                and {{ fault() | trusted }} is not null
        loop
            if coalesce(r_run.params ->> 'on_reject', 'continue') = 'stop' then
                raise exception 'row % of {{ m.flat.table | in_format }} does not fit the hierarchy: %', r_row.row_key, r_row.fault
                using errcode = 'TD030',
                    detail = 'The migration was asked to stop at such a row; nothing before it is lost.',
                    hint = 'Correct the row and call tandem.migrate again, or p_on_reject => ''continue''.';
            end if;
            perform tandem._reject(
                {{ m.name | literal }}, 'flat', r_row.row_key::text, r_row.content, 'TD030', r_row.fault,
                {{ ('Correct the row in ' ~ m.flat.table ~ '; it is synced by that write.') | literal }}, p_run
            );
            update {{ m.flat.table | relation(m.schema) }} as flat
            set {{ m.flat.status | ident }} = 'rejected'
            where {{ m.flat.key | column('flat') }} = r_row.row_key and {{ m.flat.status | column('flat') }} is distinct from 'rejected';
            v_rejected := v_rejected + 1;
        end loop;
        for v_key in
            update {{ m.flat.table | relation(m.schema) }} as flat
            set {{ m.flat.status | ident }} = 'active'
            where {{ in_range() | trusted }} and {{ m.leaf.sync | column('flat') }} is null
                and {{ m.flat.status | column('flat') }} is distinct from 'active' and {{ fault() | trusted }} is null
            returning {{ m.flat.key | column('flat') }}
        loop
            perform tandem._resolve({{ m.name | literal }}, v_key::text, 'migrated');
        end loop;
        -- Linked already: the note has done its work; a difference is found below.
        delete from {{ S | ident }}.kept as kept
        using {{ m.flat.table | relation(m.schema) }} as flat
        where {{ in_range() | trusted }} and kept.leaf is null
            and {{ m.leaf.sync | column('flat') }} = kept.leaf_id;
        -- What was kept at a DELETE or a rollback is brought back row by row; so is, on a second
        -- migration, what differs.
        for v_key in
            select {{ m.flat.key | column('flat') }}
            from {{ m.flat.table | relation(m.schema) }} as flat
            join {{ S | ident }}.kept as kept on kept.flat_key = {{ m.flat.key | column('flat') }}::text
            where {{ in_range() | trusted }} and {{ m.flat.status | column('flat') }} = 'active'
                and {{ m.leaf.sync | column('flat') }} is null
            union
            select {{ m.flat.key | column('flat') }}
            from {{ m.flat.table | relation(m.schema) }} as flat
            join {{ S | ident }}.kept as kept on kept.leaf_id = {{ m.leaf.sync | column('flat') }}
            where {{ in_range() | trusted }} and {{ m.flat.status | column('flat') }} = 'active'
        loop
            if {{ S | ident }}._push(v_key, p_run) = 'written' then
                v_written := v_written + 1;
            end if;
        end loop;
        if (r_run.cursor ->> 'again')::boolean then
            for v_key in
                select {{ m.flat.key | column('flat') }}
                from {{ m.flat.table | relation(m.schema) }} as flat
                left join {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }} on {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.sync | column('flat') }}
                where {{ in_range() | trusted }} and {{ m.leaf.sync | column('flat') }} is not null
                    and ({{ m.leaf.id | column(m.leaf.name) }} is null or {{ m.flat.status | column('flat') }} is distinct from 'active'
                        or {{ S | ident }}._differs({{ m.leaf.sync | column('flat') }}))
            loop
                case {{ S | ident }}._push(v_key, p_run)
                    when 'written' then v_written := v_written + 1;
                    when 'rejected' then v_rejected := v_rejected + 1;
                    else null;
                end case;
            end loop;
        end if;
    end if;

    -- The rest, set by set: parents top down, locked in key order once they are there, then the rows.
    loop
        select pg_catalog.count(*) into v_left
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ todo() | trusted }};
        exit when v_left = 0;
        v_tries := v_tries + 1;
        if v_tries > 20 then
            raise exception '% rows of {{ m.flat.table | in_format }} cannot be given their ids', v_left
            using errcode = 'TD032',
                detail = pg_catalog.format('Keys from %s to %s.', v_from, v_last),
                hint = 'Does a BEFORE trigger of your own suppress the UPDATE, or change a key '
                'column of the hierarchy?';
        end if;
{% for level in m.levels %}
        insert into {{ level.table | relation(m.schema) }} (
            {{ level.id | ident }}
            {%- if level.parent %}, {{ level.parent | ident }}{% endif %}
            {%- for pair in level.key_pairs %}, {{ pair.hier | ident }}{% endfor %}

        )
        select tandem.new_id()
            {%- if level.parent %}, k.parent_id{% endif %}
            {%- for pair in level.key_pairs %}, k.key_{{ loop.index | literal }}{% endfor %}

        from (
            select distinct
{% if level.parent %}
                {{ m.levels[loop.index0 - 1].id | column(m.levels[loop.index0 - 1].name) }} as parent_id,
{% endif %}
{% for pair in level.key_pairs %}
                {{ pair | put('flat') }} as key_{{ loop.index | literal }}{{ ',' if not loop.last }}
{% endfor %}
            from {{ m.flat.table | relation(m.schema) }} as flat
{% for other in m.levels[:loop.index0] %}
            {{ join_level(other, loop.index0) | trusted }}
{% endfor %}
            where {{ todo() | trusted }}
        ) as k
        where not exists (
            select from {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
            where {% if level.parent %}{{ level.parent | column(level.name) }} = k.parent_id and {% endif %}
{% for pair in level.key_pairs %}
{{ pair.hier | column(level.name) }} = k.key_{{ loop.index | literal }}{{ ' and ' if not loop.last }}
{%- endfor %}

        )
        order by {% if level.parent %}k.parent_id, {% endif %}
{% for pair in level.key_pairs %}k.key_{{ loop.index | literal }}{{ ', ' if not loop.last }}{% endfor %}

        on conflict do nothing;
        perform from {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
        where {{ level.id | column(level.name) }} in (
            select {{ level.id | column(level.name) }}
            from {{ m.flat.table | relation(m.schema) }} as flat
{% for other in m.levels[:loop.index] %}
            {{ join_level(other, loop.index0) | trusted }}
{% endfor %}
            where {{ todo() | trusted }}
        )
        order by {% if level.parent %}{{ level.parent | column(level.name) }}, {% endif %}
{% for pair in level.key_pairs %}{{ pair.hier | column(level.name) }}{{ ', ' if not loop.last }}{% endfor %}

        for key share;
{% endfor %}
        v_now := pg_catalog.clock_timestamp();
        with assigned as (
            update {{ m.flat.table | relation(m.schema) }} as flat
            set {{ m.leaf.sync | ident }} = tandem.new_id()
{%- for level in m.levels %},
                {{ level.sync | ident }} = placed.{{ (level.name ~ '_id') | ident }}
{%- endfor %}

            from (
                select {{ m.flat.key | column('flat') }} as flat_key
{%- for level in m.levels %}, {{ level.id | column(level.name) }} as {{ (level.name ~ '_id') | ident }}{% endfor %}

                from {{ m.flat.table | relation(m.schema) }} as flat
{% for level in m.levels %}
                {{ join_level(level, loop.index0) | trusted }}
{% endfor %}
                where {{ todo() | trusted }}
            ) as placed
            where {{ m.flat.key | column('flat') }} = placed.flat_key
            returning flat.*
        ),

        leaves as (
            insert into {{ m.leaf.table | relation(m.schema) }} (
                {{ m.leaf.id | ident }}, {{ m.leaf.parent | ident }}
                {%- for pair in m.leaf.pairs %}, {{ pair.hier | ident }}{% endfor %}
                {%- if m.leaf.actor %}, {{ m.leaf.actor | ident }}{% endif %}

            )
            select {{ m.leaf.sync | column('flat') }}, {{ m.bottom.sync | column('flat') }}
                {%- for pair in m.leaf.pairs %}, {{ pair | put('flat') }}{% endfor %}
                {%- if m.leaf.actor %}, session_user{% endif %}

            from assigned as flat
            returning {{ m.leaf.id | ident }}
        ){% for satellite in m.satellites %},

        {{ (satellite.name ~ '_rows') | ident }} as (
            insert into {{ satellite.table | relation(m.schema) }} (
                {{ satellite.id | ident }}, {{ satellite.parent | ident }}, {{ satellite.effective | ident }}
                {%- for pair in satellite.pairs %}, {{ pair.hier | ident }}{% endfor %}
                {%- for name, value in satellite.where %}, {{ name | ident }}{% endfor %}

            )
            select tandem.new_id(), {{ m.leaf.sync | column('flat') }}, v_now
                {%- for pair in satellite.pairs %}, {{ pair | put('flat') }}{% endfor %}
                {%- for name, value in satellite.where %}, {{ value | literal }}{% endfor %}

            from assigned as flat
            where {{ satellite.lead_pair.flat | column('flat') }} is not null
        ){% endfor %}


        select v_written + a.rows_done, a.rows_done - l.rows_done into v_written, v_lost
        from (select pg_catalog.count(*) as rows_done from assigned) as a
        cross join (select pg_catalog.count(*) as rows_done from leaves) as l;
        if v_lost > 0 then
            perform tandem._suppressed({{ m.leaf.table | literal }}, v_from || ' to ' || v_last);
        end if;
    end loop;

    -- Where the application's own BEFORE triggers stored something else, that is the truth now.
    if tandem._has_own_triggers({{ m.name | literal }}) then
        for r_row in
            select {{ m.leaf.sync | column('flat') }} as leaf_id
            from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ in_range() | trusted }} and {{ m.flat.status | column('flat') }} = 'active'
                and {{ S | ident }}._differs({{ m.leaf.sync | column('flat') }})
        loop
            perform {{ S | ident }}._pull(r_row.leaf_id);
        end loop;
    end if;

    select {{ m.flat.key | column('flat') }} into v_next
    from {{ m.flat.table | relation(m.schema) }} as flat
    where {{ m.flat.key | column('flat') }} > v_last and {{ m.flat.key | column('flat') }} <= v_to
    order by {{ m.flat.key | column('flat') }}
    limit 1;
    r_result.written_rows := v_written;
    r_result.read_rows := greatest(r_result.read_rows, v_written + v_rejected);
    r_result.rejected_rows := v_rejected;
    r_result.unchanged_rows := r_result.read_rows - v_written - v_rejected;
    r_result.cursor := r_run.cursor || pg_catalog.jsonb_build_object(
        'stage', case when v_next is null then 'orphans' else 'rows' end,
        'from', v_next::text, 'to', v_to::text
    );
    return r_result;
end
$_migrate_batch$;

comment on function {{ S | ident }}._migrate_batch(bigint, integer, jsonb) is
'Moves one batch of flat rows into the hierarchy.';
