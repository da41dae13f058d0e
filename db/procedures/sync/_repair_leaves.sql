create or replace function tandem._repair_leaves(
    p_mapping text, p_run tandem.run, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_repair_leaves$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_schema text := 'tandem_' || p_mapping;
    v_leaf uuid;
    r_leaf record;
    r_result tandem.step_result;
begin
    r_result := row(true, p_run.cursor, 0, 0, 0, 0, null, null);
    select * into strict r_leaf from tandem._levels(p_mapping) as l where l.is_leaf;
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    for v_leaf in execute pg_catalog.format(
        'select one.%1$I
        from %2$s as one
        where ($1 is null or one.%1$I > $1) and not exists (
            select from %3$s as flat where flat.%4$I = one.%1$I
        )
        order by one.%1$I
        limit $2',
        r_leaf.id, r_leaf.relation, v_definition ->> 'flat', r_leaf.sync
    ) using (p_run.cursor ->> 'after')::uuid, p_rows
    loop
        r_result.read_rows := r_result.read_rows + 1;
        r_result.done := false;
        r_result.cursor := pg_catalog.jsonb_build_object('stage', 'leaf', 'after', v_leaf);
        if p_failure is not null then
            perform tandem._reject(
                p_mapping, 'hierarchy', v_leaf::text, '{}', p_failure ->> 'sqlstate',
                p_failure ->> 'message', p_failure ->> 'hint', p_run.run_id
            );
            r_result.rejected_rows := r_result.rejected_rows + 1;
        elsif p_run.params ->> 'authority' = 'hierarchy' then
            execute pg_catalog.format('select %I._add_flat($1)', v_schema) using v_leaf;
            r_result.written_rows := r_result.written_rows + 1;
        elsif p_run.params ->> 'extra' = 'delete' then
            execute pg_catalog.format('select %I._keep($1, $2, $3)', v_schema)
            using v_leaf, 'leaf ' || v_leaf, 'deleted';
            r_result.written_rows := r_result.written_rows + 1;
        end if;
    end loop;
    return r_result;
end
$_repair_leaves$;

comment on function tandem._repair_leaves(text, tandem.run, integer, jsonb) is
'Repairs the next leaves that have no flat row.';
