-- The cheap question is asked of all rows, the whole one of what is no older than this transaction.
create or replace function tandem._written_rows(p_mapping text) returns setof jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $_written_rows$
declare
    v_parts jsonb := (tandem._mapping_of(p_mapping)).definition -> 'parts';
    v_now xid := (pg_catalog.pg_current_xact_id()::text::bigint % 4294967296)::text::xid;
    v_part jsonb;
    v_ignored text[];
    v_names text;
    v_joins text;
begin
    for v_part in select p.part from pg_catalog.jsonb_array_elements(v_parts) as p (part) loop
        -- what differs though the same was done: ids, times, and what is made up for each row
        v_ignored := array(
            select a.attname::text
            from pg_catalog.pg_attribute as a
            left join pg_catalog.pg_attrdef as d
                on d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attrelid = pg_catalog.to_regclass(v_part ->> 'relation') and a.attnum > 0
                and not a.attisdropped and (
                    a.attname in (v_part ->> 'id', v_part ->> 'deleted')
                    or v_part -> 'references' ? a.attname
                    or a.attidentity <> ''
                    or a.atttypid in (
                        'timestamptz'::regtype, 'timestamp'::regtype, 'timetz'::regtype,
                        'time'::regtype, 'date'::regtype
                    ) and not v_part -> 'columns' ? a.attname
                    or pg_catalog.pg_get_expr(d.adbin, d.adrelid) ~* 'nextval|uuid|random|xact_id'
                )
        );
        select
            coalesce(pg_catalog.string_agg(
                pg_catalog.format(', %L, %I.%I', r.value, 'm' || r.value, m.part -> 'key' ->> 0), ''
                order by r.value
            ), ''),
            coalesce(pg_catalog.string_agg(
                pg_catalog.format(' left join %s as %I on %I.%I = t.%I', m.part ->> 'relation',
                    'm' || r.value, 'm' || r.value, m.part ->> 'id', r.key), ''
                order by r.value
            ), '')
        into v_names, v_joins
        from pg_catalog.jsonb_each_text(v_part -> 'references') as r
        join pg_catalog.jsonb_array_elements(v_parts) as m (part)
            on m.part ->> 'name' = r.value and not m.part ? 'references';
        return query execute pg_catalog.format(
            'select pg_catalog.jsonb_build_array(%L, pg_catalog.to_jsonb(t) - $1 || '
            'pg_catalog.jsonb_build_object(%L, t.%I is not null%s)) from %s as t%s '
            'where case when pg_catalog.age(t.xmin) <= pg_catalog.age($2) then '
            'tandem._is_ours(t.xmin) end',
            v_part ->> 'relation', v_part ->> 'deleted', v_part ->> 'deleted', v_names,
            v_part ->> 'relation', v_joins
        )
        using v_ignored, v_now;
    end loop;
end
$_written_rows$;

comment on function tandem._written_rows(text) is
'The rows of the tables of an import that this transaction has written and not deleted, as [table, '
'row]: under the names of what they refer to, without ids, times and generated values.';
