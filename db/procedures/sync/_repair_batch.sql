-- One batch of a repair: ranges of flat keys, then leaves without a flat row.
create or replace function {{ S | ident }}._repair_batch(p_run bigint, p_rows integer, p_failure jsonb)
returns tandem.step_result
language plpgsql
set search_path = {{ m.search_path | path }}
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set enable_bitmapscan = off
set jit = off
as $_repair_batch$
#variable_conflict use_variable
declare
    v_stage text;
    v_done text;
    v_authority text;
    v_delete boolean;
    v_last {{ m.flat.key_type | sqltype }};
    v_leaf uuid;
    v_total bigint;
    r_run tandem.run;
    r_row record;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    v_stage := coalesce(r_run.cursor ->> 'stage', 'begin');
    v_authority := r_run.params ->> 'authority';
    v_delete := r_run.params ->> 'extra' = 'delete';
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    if v_stage = 'begin' then
        perform tandem._require_prepared({{ m.name | literal }});
        select pg_catalog.count(*) into v_total from {{ m.flat.table | relation(m.schema) }} as flat;
        r_result.total_rows := v_total;
        r_result.cursor := pg_catalog.jsonb_build_object('stage', 'flat', 'from', (
            select {{ m.flat.key | column('flat') }}::text from {{ m.flat.table | relation(m.schema) }} as flat
            order by {{ m.flat.key | column('flat') }} limit 1
        ));
        return r_result;
    elsif v_stage = 'flat' then
        select (pg_catalog.array_agg(b.batch_key order by b.batch_key desc))[1], pg_catalog.count(*) into v_last, r_result.read_rows
        from (
            select {{ m.flat.key | column('flat') }} as batch_key
            from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.flat.key | column('flat') }} >= (r_run.cursor ->> 'from')::{{ m.flat.key_type | sqltype }}
            order by {{ m.flat.key | column('flat') }}
            limit p_rows
            for no key update
        ) as b;
        if v_last is null then
            r_result.cursor := '{"stage": "leaf"}';
            return r_result;
        end if;
        -- Row by row: each differing row takes the one routine that knows how; most rows take none.
        for r_row in
            select
                {{ m.flat.key | column('flat') }} as flat_key, {{ m.leaf.id | column(m.leaf.name) }} as leaf_id,
                {{ m.flat.status | column('flat') }} as status, {{ m.leaf.sync | column('flat') }} as sync_id,
                pg_catalog.to_jsonb(flat.*) as content
            from {{ m.flat.table | relation(m.schema) }} as flat
            left join {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }} on {{ m.leaf.id | column(m.leaf.name) }} = {{ m.leaf.sync | column('flat') }}
            where {{ m.flat.key | column('flat') }} >= (r_run.cursor ->> 'from')::{{ m.flat.key_type | sqltype }}
                and {{ m.flat.key | column('flat') }} <= v_last
                and ({{ m.leaf.id | column(m.leaf.name) }} is null or {{ S | ident }}._differs({{ m.leaf.id | column(m.leaf.name) }})
                    or not exists (
                        select from {{ m.leaf.table | relation(m.schema) }} as one
{% for level in m.levels | reverse %}
                        join {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
                            on {{ level.id | column(level.name) }} = {{ (m.chain[m.chain | length - loop.index].parent | column('one' if loop.first else m.chain[m.chain | length - loop.index].name)) | trusted }}
{% endfor %}
                        where {{ m.leaf.id | column('one') }} = {{ m.leaf.id | column(m.leaf.name) }}
{% for level in m.levels %}
                            and {{ level.id | column(level.name) }} = {{ level.sync | column('flat') }}
{% endfor %}
                    ))
        loop
            if p_failure is not null then
                perform tandem._reject(
                    {{ m.name | literal }}, 'flat', r_row.flat_key::text, pg_catalog.jsonb_build_object('leaf_id', r_row.leaf_id),
                    p_failure ->> 'sqlstate', p_failure ->> 'message', p_failure ->> 'hint', p_run
                );
                v_done := 'rejected';
            elsif r_row.status = 'rejected' then
                v_done := 'unchanged';  -- tandem.retry_rejected is for these
            elsif v_authority = 'flat' then
                v_done := {{ S | ident }}._push(r_row.flat_key, p_run);
            elsif r_row.leaf_id is not null then
                v_done := {{ S | ident }}._pull(r_row.leaf_id);
            elsif v_delete and r_row.sync_id is not null then
                -- a row whose leaf is gone; one that was never migrated is nobody's extra
                perform tandem._reject(
                    {{ m.name | literal }}, 'flat', r_row.flat_key::text, r_row.content, '02000',
                    'deleted by repair: its leaf is gone', 'Its content is kept here.', p_run
                );
                perform tandem._resolve({{ m.name | literal }}, r_row.flat_key::text, 'deleted by repair');
                delete from {{ m.flat.table | relation(m.schema) }} as flat where {{ m.flat.key | column('flat') }} = r_row.flat_key;
                v_done := 'written';
            else
                v_done := 'unchanged';
            end if;
            if v_done = 'written' then
                r_result.written_rows := r_result.written_rows + 1;
            elsif v_done = 'rejected' then
                r_result.rejected_rows := r_result.rejected_rows + 1;
            end if;
        end loop;
        r_result.cursor := coalesce((
            select pg_catalog.jsonb_build_object('stage', 'flat', 'from', {{ m.flat.key | column('flat') }}::text)
            from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.flat.key | column('flat') }} > v_last
            order by {{ m.flat.key | column('flat') }}
            limit 1
        ), '{"stage": "leaf"}');
    else
        for r_row in
            select {{ m.leaf.id | column(m.leaf.name) }} as leaf_id
            from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
            where (r_run.cursor ->> 'after' is null or {{ m.leaf.id | column(m.leaf.name) }} > (r_run.cursor ->> 'after')::uuid)
                and not exists (
                    select from {{ m.flat.table | relation(m.schema) }} as flat
                    where {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column(m.leaf.name) }}
                )
            order by {{ m.leaf.id | column(m.leaf.name) }}
            limit p_rows
        loop
            v_leaf := r_row.leaf_id;
            r_result.read_rows := r_result.read_rows + 1;
            if p_failure is not null then
                perform tandem._reject(
                    {{ m.name | literal }}, 'hierarchy', v_leaf::text, '{}', p_failure ->> 'sqlstate',
                    p_failure ->> 'message', p_failure ->> 'hint', p_run
                );
                r_result.rejected_rows := r_result.rejected_rows + 1;
            elsif v_authority = 'hierarchy' then
                perform {{ S | ident }}._add_flat(v_leaf);
                r_result.written_rows := r_result.written_rows + 1;
            elsif v_delete then
                perform {{ S | ident }}._keep(v_leaf, 'leaf ' || v_leaf, 'deleted');
                r_result.written_rows := r_result.written_rows + 1;
            end if;
        end loop;
        if v_leaf is null then
            r_result.done := true;
        else
            r_result.cursor := pg_catalog.jsonb_build_object('stage', 'leaf', 'after', v_leaf);
        end if;
    end if;
    r_result.unchanged_rows := r_result.read_rows - r_result.written_rows - r_result.rejected_rows;
    return r_result;
end
$_repair_batch$;

comment on function {{ S | ident }}._repair_batch(bigint, integer, jsonb) is
'Repairs one batch: ranges of flat keys, then leaves without a flat row.';
