-- One loser after the other, and of each one foreign key after the other: what one move does can
-- make the next one collide.
create or replace function tandem._move_references(
    p_mapping text, p_duplicate bigint, p_part record, p_loser text, p_keeper text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_move_references$
declare
    v_path text := (tandem._mapping_of(p_mapping)).definition ->> 'path';
    v_row constant text :=
        'select pg_catalog.to_jsonb(t) from %s as t where t.%I = %L::%s';
    v_loser jsonb;
    v_keeper jsonb;
    v_where text;
    v_to text[];
    v_found boolean;
    v_same text;
    r_variant record;
    r_reference record;
    r_pair record;
begin
    execute pg_catalog.format(v_row, p_part.relation, p_part.id_column, p_loser, p_part.id_type)
    into v_loser;
    execute pg_catalog.format(v_row, p_part.relation, p_part.id_column, p_keeper, p_part.id_type)
    into v_keeper;
    select * into r_variant from tandem._duplicate_parts(p_mapping) as p where p.is_variant;
    for r_reference in select * from tandem._references_to(p_part.relation) loop
        select
            pg_catalog.string_agg(pg_catalog.format(
                't.%I = %L::%s', c.own, v_loser ->> c.other, c.type_name), ' and '),
            pg_catalog.array_agg(case when v_keeper ->> c.other is not null then pg_catalog.format(
                '%L::%s', v_keeper ->> c.other, c.type_name) end),
            pg_catalog.bool_and(v_loser ->> c.other is not null)
        into v_where, v_to, v_found
        from rows from (
            pg_catalog.unnest(r_reference.columns), pg_catalog.unnest(r_reference.referenced),
            pg_catalog.unnest(r_reference.types)
        ) as c (own, other, type_name);
        continue when not v_found;
        if r_reference.relation = p_part.relation then
            -- its own row goes with it
            v_where := v_where || pg_catalog.format(' and t.%I <> %L::%s', p_part.id_column,
                p_loser, p_part.id_type);
        end if;
        if r_reference.relation = r_variant.relation and r_variant.deleted_column is not null then
            v_where := v_where || pg_catalog.format(' and t.%I is null', r_variant.deleted_column);
        end if;
        if not r_reference.is_readable then
            perform tandem._merge_refused(
                pg_catalog.format('%s %s', r_reference.relation, r_reference.fault),
                'Grant SELECT and UPDATE on it; or rename instead.'
            );
        end if;
        execute pg_catalog.format('select exists (select from %s as t where %s)',
            r_reference.relation, v_where) into v_found;
        continue when not v_found;
        if r_reference.fault is not null then
            perform tandem._merge_refused(
                pg_catalog.format('%s %s', r_reference.relation, r_reference.fault),
                'Give it what is missing, or rename instead.'
            );
        elsif pg_catalog.array_position(v_to, null) is not null then
            perform tandem._merge_refused(
                pg_catalog.format('rows of %s refer to a column that is null in the keeper',
                    r_reference.relation),
                pg_catalog.format('Fill %s of row %s of %s, or rename instead.',
                    pg_catalog.array_to_string(r_reference.referenced, ', '), p_keeper,
                    p_part.relation)
            );
        end if;
        if r_reference.relation = p_part.relation then
            execute pg_catalog.format(
                'select exists (select from %s as t where t.%I = %L::%s and %s)', p_part.relation,
                p_part.id_column, p_keeper, p_part.id_type, v_where
            ) into v_found;
            if v_found then
                perform tandem._merge_refused(
                    pg_catalog.format('row %s of %s would refer to itself', p_keeper,
                        p_part.relation),
                    pg_catalog.format('Change its %s, or rename instead.',
                        pg_catalog.array_to_string(r_reference.columns, ', '))
                );
            end if;
        end if;
        if r_reference.relation = r_variant.relation
            and r_reference.columns && r_variant.key_columns
            and r_variant.deleted_column is not null then
            -- an index is used for what has moved, which is never null
            select pg_catalog.string_agg(case
                when v.value is null
                    then pg_catalog.format('o.%1$I is not distinct from t.%1$I', k.name)
                else pg_catalog.format('o.%I = %s', k.name, v.value)
            end, ' and ')
            into v_same
            from pg_catalog.unnest(r_variant.key_columns) as k (name)
            left join rows from (
                pg_catalog.unnest(r_reference.columns), pg_catalog.unnest(v_to)
            ) as v (name, value) on v.name = k.name;
            -- what became the same is merged likewise before anything moves on to it
            for r_pair in execute pg_catalog.format(
                'select t.%1$I::text as loser, (select o.%1$I::text from %2$s as o where %3$s '
                'and o.%4$I is null and o.%1$I <> t.%1$I order by o.%1$I limit 1) as keeper '
                'from %2$s as t where %5$s order by t.%1$I',
                r_variant.id_column, r_variant.relation, v_same, r_variant.deleted_column, v_where
            )
            loop
                continue when r_pair.keeper is null;
                perform tandem._lock_duplicates(
                    r_variant, array[r_pair.loser], array[r_pair.keeper]
                );
                execute pg_catalog.format(
                    'select exists (select from %1$s as t join %1$s as o on %2$s where %3$s '
                    'and t.%4$I = %5$L::%6$s and o.%4$I = %7$L::%6$s and o.%8$I is null)',
                    r_variant.relation, v_same, v_where, r_variant.id_column, r_pair.loser,
                    r_variant.id_type, r_pair.keeper, r_variant.deleted_column
                ) into v_found;
                if not v_found then
                    raise exception 'another session has changed rows of %', r_variant.relation
                    using errcode = 'serialization_failure', detail = 'The merge waited for it.',
                        hint = 'The same is tried again.';
                end if;
                perform tandem._merge_row(
                    p_mapping, p_duplicate, r_variant, r_pair.loser, r_pair.keeper, 'collapsed'
                );
            end loop;
        end if;
        perform tandem._refuse_collision(
            r_reference.relation, r_reference.columns, v_to, v_where
        );
        perform tandem._write_logged(v_path, (
            select pg_catalog.format(
                'with o as (update %1$s as t set %2$s where %3$s returning '
                'pg_catalog.jsonb_build_object(%4$s) as row_key), '
                'l as (insert into tandem.duplicate_change (duplicate_id, action, table_name, '
                'row_key, before, after) select %5$L::bigint, ''moved'', %1$L, o.row_key, '
                '%6$L::jsonb, %7$L::jsonb from o returning true) '
                'select pg_catalog.count(*) from l',
                r_reference.relation,
                pg_catalog.string_agg(pg_catalog.format('%I = %s', c.own, c.value), ', '),
                v_where, (
                    select pg_catalog.string_agg(pg_catalog.format(
                        '%L, pg_catalog.to_jsonb(t.%I)', k.name, k.name), ', ')
                    from pg_catalog.unnest(r_reference.key_columns) as k (name)
                ),
                p_duplicate,
                pg_catalog.jsonb_object_agg(c.own, v_loser -> c.other),
                pg_catalog.jsonb_object_agg(c.own, v_keeper -> c.other)
            )
            from rows from (
                pg_catalog.unnest(r_reference.columns), pg_catalog.unnest(r_reference.referenced),
                pg_catalog.unnest(v_to)
            ) as c (own, other, value)
        ));
        execute pg_catalog.format('select exists (select from %s as t where %s)',
            r_reference.relation, v_where) into v_found;
        if v_found then
            perform tandem._merge_suppressed(r_reference.relation,
                pg_catalog.array_to_string(r_reference.columns, ', '));
        end if;
    end loop;
end
$_move_references$;

comment on function tandem._move_references(text, bigint, record, text, text) is
'Lets all that refers to a loser refer to its keeper, and logs each row. Variants that become the '
'same as one of the keeper''s are merged into it first.';
