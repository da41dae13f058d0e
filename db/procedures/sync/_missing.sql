-- What of a mapping's requirements is not there, or is there in another form (fault says which).
create or replace function tandem._missing(p_mapping text)
returns table (
    ordinal integer, kind text, relation text, object text, statement text, undo text,
    lock_mode text, blocks text, run_by text, fault text
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_missing$
declare
    v_limit bigint := tandem._setting_of('index_build_rows')::bigint;
begin
    return query
    select
        r.ordinal, r.kind, r.relation, r.object, r.statement, r.undo, r.lock_mode, r.blocks,
        case when r.run_by <> 'size' then r.run_by
            when coalesce(
                case when c.reltuples >= 0 and c.relpages > 0
                    -- as the planner does: the density that was counted, the pages of now
                    then c.reltuples / c.relpages * (pg_catalog.pg_relation_size(c.oid)
                        / pg_catalog.current_setting('block_size')::bigint)
                    else pg_catalog.pg_relation_size(c.oid) / 100 end, 0
            ) > v_limit then 'tool'
            else 'procedure'
        end,
        f.fault
    from tandem._requirements(p_mapping) as r
    left join pg_catalog.pg_class as c on c.oid = pg_catalog.to_regclass(r.relation)
    cross join lateral (
        select case r.kind
            when 'table' then case when c.oid is null then 'absent' end
            when 'view' then case when c.oid is null then 'absent' end
            when 'trigger' then case when not exists (
                select from pg_catalog.pg_trigger as t
                where t.tgrelid = c.oid and t.tgname = r.object
            ) then 'absent' end
            when 'column' then (
                select case
                    when pg_catalog.count(a.attname) = 0 then 'absent'
                    when pg_catalog.max(pg_catalog.format_type(a.atttypid, a.atttypmod))
                        <> pg_catalog.replace(r.expected, 'varchar', 'character varying')
                        then pg_catalog.format(
                            'is %s and should be %s',
                            pg_catalog.max(pg_catalog.format_type(a.atttypid, a.atttypmod)),
                            r.expected
                        )
                end
                from pg_catalog.pg_attribute as a
                where a.attrelid = c.oid and a.attname = r.object and not a.attisdropped
            )
            when 'index' then case when not exists (
                select
                from pg_catalog.pg_index as i
                where i.indrelid = c.oid and i.indisvalid and i.indisready
                    and i.indisunique >= r.is_unique
                    and (i.indimmediate or not r.is_unique)
                    and case when r.expected is not null
                        then tandem._index_form(i.indexrelid) = r.expected
                        else i.indpred is null end
                    and (r.expected is not null or (
                        select pg_catalog.array_agg(a.attname::text order by k.position)
                        from pg_catalog.unnest(i.indkey::smallint[]) with ordinality
                            as k (number, position)
                        join pg_catalog.pg_attribute as a
                            on a.attrelid = i.indrelid and a.attnum = k.number
                        where k.position <= case when r.is_unique then i.indnkeyatts
                            else pg_catalog.cardinality(r.columns) end
                    ) = r.columns)
            ) then coalesce((
                select case
                    when i.indrelid is distinct from c.oid then pg_catalog.format(
                        'has its name taken by a relation of %s', x.relowner::regrole
                    )
                    when i.indisvalid then 'is of another form'
                    else 'is invalid'
                end
                from pg_catalog.pg_class as x
                left join pg_catalog.pg_index as i on i.indexrelid = x.oid
                where x.relnamespace = c.relnamespace and x.relname = r.object
            ), 'absent') end
        end as fault
    ) as f
    where f.fault is not null
    order by r.ordinal;
end
$_missing$;

comment on function tandem._missing(text) is
'What a mapping needs in the user''s schema and does not find there, '
'with the statement that makes it.';
