-- Row by row: each differing row takes the one routine that knows how; most rows take none.
create or replace function tandem._repair_rows(
    p_mapping text, p_run tandem.run, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_repair_rows$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_schema text := 'tandem_' || p_mapping;
    v_flat text := v_definition ->> 'flat';
    v_key text := v_definition ->> 'key';
    v_type text := v_definition ->> 'key_type';
    v_delete boolean := p_run.params ->> 'extra' = 'delete';
    v_last text;
    v_next text;
    v_action text;
    v_done text;
    v_is_gone boolean;
    v_linked text;
    r_leaf record;
    r_row record;
    r_result tandem.step_result;
begin
    r_result := row(false, '{"stage": "leaf"}', 0, 0, 0, 0, null, null);
    select b.last_key, b.rows_locked into v_last, r_result.read_rows
    from tandem._lock_batch(p_mapping, p_run.cursor ->> 'from', p_rows) as b;
    if v_last is null then
        return r_result;
    end if;
    select * into strict r_leaf from tandem._levels(p_mapping) as l where l.is_leaf;
    select pg_catalog.string_agg(
        pg_catalog.format(' or %I.%I is distinct from flat.%I', l.name, l.id, l.sync), ''
    )
    into v_linked
    from tandem._levels(p_mapping) as l
    where not l.is_leaf;
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    for r_row in execute pg_catalog.format(
        'select
            flat.%1$I::text as flat_key, %2$I.%3$I as leaf_id, flat.%4$I as status,
            flat.%5$I as sync_id, pg_catalog.to_json(flat.*) as content
        from %6$s as flat
        left join (%7$s) on %2$I.%3$I = flat.%5$I
        where flat.%1$I >= $1::%8$s and flat.%1$I <= $2::%8$s
            and (%2$I.%3$I is null or %9$I._differs(%2$I.%3$I)%10$s)',
        v_key, r_leaf.name, r_leaf.id, v_definition ->> 'status', r_leaf.sync, v_flat,
        tandem._chain(p_mapping, 'left join'), v_type, v_schema, v_linked
    ) using p_run.cursor ->> 'from', v_last
    loop
        v_action := case
            when r_row.status = 'rejected' then 'leave'  -- tandem.retry_rejected is for these
            when p_run.params ->> 'authority' = 'flat' then 'push'
            when r_row.leaf_id is not null then 'pull'
            -- a row whose leaf is gone; one that was never migrated is nobody's extra
            when v_delete and r_row.sync_id is not null then 'delete'
            else 'leave' end;
        v_done := 'unchanged';
        if v_action = 'leave' then
            null;
        elsif p_failure is not null then
            v_done := tandem._repair_failed(
                p_mapping, case v_action when 'pull' then 'hierarchy' else 'flat' end,
                case v_action when 'pull' then r_row.leaf_id::text else r_row.flat_key end,
                pg_catalog.json_build_object(
                    'flat_key', r_row.flat_key, 'leaf_id', r_row.leaf_id
                ),
                v_action = 'delete', p_failure, p_run.run_id
            );
        elsif v_action = 'push' then
            execute pg_catalog.format('select %I._push($1::%s, $2, 0, $3)', v_schema, v_type)
            into v_done using r_row.flat_key, p_run.run_id, p_rows = 1;
        elsif v_action = 'pull' then
            execute pg_catalog.format('select %I._pull($1)', v_schema)
            into v_done using r_row.leaf_id;
        else
            -- Looked at again: a program may have made the leaf meanwhile. A kept leaf is not gone.
            execute pg_catalog.format(
                'delete from %1$s as flat
                where flat.%2$I = $1::%3$s
                    and not exists (select from %4$s as one where one.%5$I = flat.%6$I)
                    and not exists (
                        select from %7$I.kept as kept
                        where kept.leaf_id = flat.%6$I and kept.leaf is not null
                    )
                returning true',
                v_flat, v_key, v_type, r_leaf.relation, r_leaf.id, r_leaf.sync, v_schema
            ) into v_is_gone using r_row.flat_key;
            if v_is_gone then
                perform tandem._reject(
                    p_mapping, 'flat', r_row.flat_key, r_row.content, '02000',
                    'deleted by repair: its leaf is gone', 'Its content is kept here.',
                    p_run.run_id
                );
                perform tandem._resolve(p_mapping, r_row.flat_key, 'deleted by repair');
                v_done := 'written';
            end if;
        end if;
        if v_done = 'written' then
            r_result.written_rows := r_result.written_rows + 1;
        elsif v_done = 'rejected' then
            r_result.rejected_rows := r_result.rejected_rows + 1;
        end if;
    end loop;
    v_next := tandem._key_after(p_mapping, v_last);
    if v_next is not null then
        r_result.cursor := pg_catalog.jsonb_build_object('stage', 'flat', 'from', v_next);
    end if;
    return r_result;
end
$_repair_rows$;

comment on function tandem._repair_rows(text, tandem.run, integer, jsonb) is
'Repairs one range of flat keys.';
