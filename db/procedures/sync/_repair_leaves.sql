-- A leaf without a flat row is extra, unless an unlinked flat row waits for it.
create or replace function tandem._repair_leaves(
    p_mapping text, p_run tandem.run, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_repair_leaves$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_schema text := 'tandem_' || p_mapping;
    v_delete boolean := p_run.params ->> 'authority' = 'flat';
    v_extra text;
    v_leaf uuid;
    v_is_extra boolean;
    r_leaf record;
    r_result tandem.step_result;
begin
    r_result := row(true, p_run.cursor, 0, 0, 0, 0, null, null);
    select * into strict r_leaf from tandem._levels(p_mapping) as l where l.is_leaf;
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    v_extra := pg_catalog.format(
        'not exists (select from %1$s as flat where flat.%2$I = one.%3$I)
        and not exists (
            select
            from %4$I.kept as kept
            join %1$s as flat on flat.%5$I = kept.flat_key::%6$s
            where kept.leaf_id = one.%3$I and flat.%2$I is null
                and (kept.leaf is null or kept.reason <> ''deleted'')
        )',
        v_definition ->> 'flat', r_leaf.sync, r_leaf.id, v_schema, v_definition ->> 'key',
        v_definition ->> 'key_type'
    );
    for v_leaf in execute pg_catalog.format(
        'select one.%1$I
        from %2$s as one
        where ($1 is null or one.%1$I > $1) and %3$s
        order by one.%1$I
        limit $2',
        r_leaf.id, r_leaf.relation, v_extra
    ) using (p_run.cursor ->> 'after')::uuid, p_rows
    loop
        r_result.read_rows := r_result.read_rows + 1;
        r_result.done := false;
        r_result.cursor := pg_catalog.jsonb_build_object('stage', 'leaf', 'after', v_leaf);
        continue when v_delete and p_run.params ->> 'extra' <> 'delete';
        if p_failure is not null then
            perform tandem._repair_failed(
                p_mapping, 'hierarchy', v_leaf::text, '{}', v_delete, p_failure, p_run.run_id
            );
            r_result.rejected_rows := r_result.rejected_rows + 1;
        elsif not v_delete then
            execute pg_catalog.format('select %I._add_flat($1)', v_schema) using v_leaf;
            r_result.written_rows := r_result.written_rows + 1;
        else
            -- locked, then looked at again: it may have got a flat row meanwhile
            execute pg_catalog.format(
                'select from %s as one where one.%I = $1 for update', r_leaf.relation, r_leaf.id
            ) using v_leaf;
            execute pg_catalog.format(
                'select exists (select from %s as one where one.%I = $1 and %s)',
                r_leaf.relation, r_leaf.id, v_extra
            ) into v_is_extra using v_leaf;
            if v_is_extra then
                execute pg_catalog.format('select %I._keep($1, null, ''deleted'')', v_schema)
                using v_leaf;
                r_result.written_rows := r_result.written_rows + 1;
            end if;
        end if;
    end loop;
    return r_result;
end
$_repair_leaves$;

comment on function tandem._repair_leaves(text, tandem.run, integer, jsonb) is
'Repairs the next leaves that have no flat row.';
