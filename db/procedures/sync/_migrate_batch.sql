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
-- One batch of rows. They are locked before they are read: a row that is deleted or changed
-- meanwhile is either seen as it is afterwards, or is the triggers' work.
create or replace function {{ S | ident }}._migrate_batch(p_run bigint, p_rows integer, p_failure jsonb)
returns tandem.step_result
language plpgsql
set search_path = {{ m.search_path | path }}
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set enable_bitmapscan = off
set jit = off
as $_migrate_batch$
#variable_conflict use_variable
declare
    v_from {{ m.flat.key_type | sqltype }};
    v_to {{ m.flat.key_type | sqltype }};
    v_last {{ m.flat.key_type | sqltype }};
    v_next {{ m.flat.key_type | sqltype }};
    v_key {{ m.flat.key_type | sqltype }};
    v_odd boolean;
    v_careful boolean;
    v_settles boolean;
    v_slow boolean := tandem._makes_children({{ m.name | literal }});
    v_left bigint;
    v_written bigint := 0;
    v_rejected bigint := 0;
    v_done bigint;
    v_lost bigint;
    v_tries integer := 0;
    r_run tandem.run;
    r_result tandem.step_result;
    r_row record;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    -- else the loop comes to the row that fails alone
    v_careful := p_rows = 1 or r_run.params ->> 'on_reject' = 'stop'
        or coalesce((r_run.params ->> 'one_transaction')::boolean, false);
    -- whether rows that are linked already are made equal; else repair is told which side is right
    v_settles := (r_run.cursor ->> 'decided')::boolean is not true;
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
    -- The bound first, then the locks: a key that changes while its row is waited for moves no bound.
    select b.batch_key into v_last
    from (
        select {{ m.flat.key | column('flat') }} as batch_key
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.flat.key | column('flat') }} >= v_from and {{ m.flat.key | column('flat') }} <= v_to
        order by {{ m.flat.key | column('flat') }}
        limit p_rows
    ) as b
    order by b.batch_key desc
    limit 1;
    select pg_catalog.count(*), coalesce(pg_catalog.bool_or(b.is_odd), false)
    into r_result.read_rows, v_odd
    from (
        select {{ m.leaf.sync | column('flat') }} is null and ({{ m.flat.status | column('flat') }} is distinct from 'active'
                or {{ fault() | trusted }} is not null) as is_odd
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ in_range() | trusted }}
        order by {{ m.flat.key | column('flat') }}
        for no key update
    ) as b;
    if v_last is null then
        r_result.cursor := r_run.cursor || pg_catalog.jsonb_build_object('stage', 'orphans');
        return r_result;
    end if;

    -- Rows that the loop found to fail on their own, and rows that cannot fit.
    if p_failure is not null then
        perform tandem._reject(
            {{ m.name | literal }}, 'flat', {{ m.flat.key | column('flat') }}::text, pg_catalog.to_json(flat.*),
            p_failure ->> 'sqlstate', p_failure ->> 'message',
            coalesce(nullif(p_failure ->> 'hint', ''), p_failure ->> 'detail'), p_run
        )
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ in_range() | trusted }};
        update {{ m.flat.table | relation(m.schema) }} as flat
        set {{ m.flat.status | ident }} = 'rejected'
        where {{ in_range() | trusted }} and {{ m.flat.status | column('flat') }} is distinct from 'rejected';
        v_rejected := r_result.read_rows;
        v_odd := false;
    end if;
    if v_odd then
        for r_row in
            select {{ m.flat.key | column('flat') }} as row_key, pg_catalog.to_json(flat.*) as content, {{ fault() | trusted }} as fault
            from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ in_range() | trusted }} and {{ m.leaf.sync | column('flat') }} is null
                and {{ fault() | trusted }} is not null
        loop
            if coalesce(r_run.params ->> 'on_reject', 'continue') = 'stop' then
                perform tandem._refuse({{ m.name | literal }}, {{ m.flat.table | literal }}, r_row.row_key::text, r_row.fault,
                    'The migration was asked to stop at such a row; nothing before it is lost.',
                    'Correct the row and call tandem.migrate again, or p_on_reject => ''continue''.');
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
    end if;
    if p_failure is null and (v_slow or exists (select from {{ S | ident }}.kept)) then
        -- Linked already: the note has done its work; a difference is found below.
        delete from {{ S | ident }}.kept as kept
        using {{ m.flat.table | relation(m.schema) }} as flat
        where {{ in_range() | trusted }} and kept.leaf is null and kept.remains is null
            and {{ m.leaf.sync | column('flat') }} = kept.leaf_id;
        -- What was kept at a DELETE or a rollback is brought back row by row. And a trigger that makes children
        -- must have made them before ours are: all rows one by one.
        for v_key in
            select {{ m.flat.key | column('flat') }}
            from {{ m.flat.table | relation(m.schema) }} as flat
            left join {{ S | ident }}.kept as kept on kept.flat_key = {{ m.flat.key | column('flat') }}::text
            where {{ todo() | trusted }} and (v_slow or kept.flat_key is not null)
            union
            select {{ m.flat.key | column('flat') }}
            from {{ m.flat.table | relation(m.schema) }} as flat
            join {{ S | ident }}.kept as kept on kept.leaf_id = {{ m.leaf.sync | column('flat') }}
            where {{ in_range() | trusted }} and {{ m.flat.status | column('flat') }} = 'active'
        loop
            if {{ S | ident }}._push(v_key, p_run, 0, v_careful) = 'written' then
                v_written := v_written + 1;
            end if;
        end loop;
    end if;
    -- On a second migration, what differs; of one that had ended, what it has not done.
    if p_failure is null and (r_run.cursor ->> 'again')::boolean then
        for v_key in
            select {{ m.flat.key | column('flat') }}
            from {{ m.flat.table | relation(m.schema) }} as flat
            left join {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }} on {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.sync | column('flat') }}
            where {{ in_range() | trusted }} and {{ m.leaf.sync | column('flat') }} is not null
                and ({{ m.flat.status | column('flat') }} is distinct from 'active' or v_settles and (
                    {{ m.leaf.id | column(m.leaf.name) }} is null or {{ S | ident }}._differs({{ m.leaf.sync | column('flat') }})))
        loop
            case {{ S | ident }}._push(v_key, p_run, 0, v_careful)
                when 'written' then v_written := v_written + 1;
                when 'rejected' then v_rejected := v_rejected + 1;
                else null;
            end case;
        end loop;
    end if;

    -- The rest, set by set; more than once where a parent was created or renamed by others meanwhile.
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
        select w.rows_done, w.rows_lost into v_done, v_lost
        from {{ S | ident }}._migrate_rows(v_from, v_last) as w;
        v_written := v_written + v_done;
        if v_lost > 0 then
            perform tandem._suppressed({{ m.name | literal }}, {{ m.leaf.table | literal }}, v_from || ' to ' || v_last);
        end if;
    end loop;

    -- Where the application's own BEFORE triggers stored something else, that is the truth now.
    if v_settles and tandem._has_own_triggers({{ m.name | literal }}) then
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
