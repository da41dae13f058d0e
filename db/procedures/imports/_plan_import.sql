create or replace function tandem._plan_import(p_mapping text)
returns table (
    step integer, verb text, relation text, lock_mode text, blocks text,
    estimated_seconds numeric, statement text, wal_bytes bigint, disk_bytes bigint, undo text,
    run_by text, note text
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_plan_import$
    with steps as (
        select
            1 as part, (x.run_by <> 'procedure')::integer * 1000 + x.ordinal as position,
            'prepare' as verb, x.relation,
            case when x.run_by = 'procedure' then x.lock_mode else 'SHARE UPDATE EXCLUSIVE' end
            as lock_mode,
            case when x.run_by = 'procedure' then x.blocks
                else 'nobody; waits for older transactions' end as blocks,
            case when x.kind = 'index' then pg_catalog.round(
                0.01 + greatest(c.reltuples, 0)::numeric * 0.000002, 2
            ) else 0.01 end as seconds,
            case when x.run_by = 'procedure' then x.statement
                else pg_catalog.regexp_replace(x.statement, ' index ', ' index concurrently ')
            end as statement,
            case when x.kind = 'index' then (greatest(c.reltuples, 0) * 40)::bigint else 8192 end
            as bytes,
            x.undo, x.run_by,
            case when x.fault <> 'absent' then x.fault when x.run_by = 'tool' then
                'cannot run in a transaction: pgtandem prepare runs it, or you do, by itself' end
            as note
        from tandem._missing(p_mapping) as x
        left join pg_catalog.pg_class as c on c.oid = pg_catalog.to_regclass(x.relation)
        -- a table that is made has its columns
        where x.kind <> 'column' or c.oid is not null
        union all
        select
            2, 1, 'import', null, 'ROW EXCLUSIVE; rows that differ FOR NO KEY UPDATE',
            'writers of those rows, for the length of a batch', null,
            pg_catalog.format('select tandem.submit_import(%L, ...); call tandem.run_import(id)',
                p_mapping),
            null, 'call tandem.undo_import(id)', 'procedure',
            'rows that are as the input has them cost next to nothing'
        union all
        select
            3, 1, 'rollback', null, 'ACCESS EXCLUSIVE on two views', 'nobody', 0.01,
            pg_catalog.format('call tandem.rollback(%L)', p_mapping), 8192,
            pg_catalog.format('call tandem.prepare(%L)', p_mapping), 'procedure',
            'while the flag is false; the tables and their rows stay'
        union all
        select
            3, 1 + q.ordinal, 'rollback', q.relation, 'SHARE UPDATE EXCLUSIVE',
            'nobody; waits for older transactions', 0.01,
            pg_catalog.regexp_replace(q.undo, '^drop index ', 'drop index concurrently '), 8192,
            pg_catalog.regexp_replace(q.statement, ' index ', ' index concurrently '), 'tool',
            'cannot run in a transaction: pgtandem rollback runs it, or you do, by itself'
        from tandem._requirements(p_mapping) as q
        join pg_catalog.pg_class as c on c.oid = pg_catalog.to_regclass(q.relation)
        join pg_catalog.pg_class as x on x.relname = q.object and x.relnamespace = c.relnamespace
        where q.kind = 'index' and tandem._index_form(x.oid) = q.expected
    )

    select
        (pg_catalog.row_number() over (order by s.part, s.position))::integer, s.verb, s.relation,
        s.lock_mode, s.blocks, s.seconds, s.statement, s.bytes, s.bytes, s.undo, s.run_by, s.note
    from steps as s
    order by s.part, s.position
$_plan_import$;

comment on function tandem._plan_import(text) is
'The rows of tandem.plan for a mapping of an import.';
