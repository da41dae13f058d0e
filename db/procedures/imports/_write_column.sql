create or replace function tandem._write_column(
    p_mapping text, p_duplicate bigint, p_action text, p_part record, p_id text, p_keeper text,
    p_column text, p_value text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_write_column$
declare
    v_rows bigint;
begin
    v_rows := tandem._write_logged(
        (tandem._mapping_of(p_mapping)).definition ->> 'path',
        pg_catalog.format(
            'with o as materialized (select pg_catalog.to_jsonb(t) as content from %1$s as t '
            'where t.%2$I = %3$L::%4$s), '
            'w as (update %1$s as t set %5$I = %6$s where t.%2$I = %3$L::%4$s '
            'returning pg_catalog.to_jsonb(t.%2$I) as id, pg_catalog.to_jsonb(t.%5$I) as value), '
            'l as (insert into tandem.duplicate_change (duplicate_id, action, part, table_name, '
            'row_key, row_id, keeper_id, before, after, content) select %7$L::bigint, %8$L, %9$L, '
            '%10$L, pg_catalog.jsonb_build_object(%11$L, w.id), %3$L, %12$L, '
            'pg_catalog.jsonb_build_object(%13$L, o.content -> %13$L), '
            'pg_catalog.jsonb_build_object(%13$L, w.value), o.content from o cross join w '
            'where w.value is distinct from o.content -> %13$L returning true) '
            'select pg_catalog.count(*) from l',
            p_part.relation, p_part.id_column, p_id, p_part.id_type, p_column, p_value,
            p_duplicate, p_action, p_part.part, p_part.relation, p_part.id_column, p_keeper,
            p_column
        )
    );
    if v_rows <> 1 then
        perform tandem._merge_suppressed(p_part.relation, p_column);
    end if;
end
$_write_column$;

comment on function tandem._write_column(
    text, bigint, text, record, text, text, text, text
) is
'Writes a column of a row that gives way, and logs it with the whole row; TD074 where it has no '
'effect.';
