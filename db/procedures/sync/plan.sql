create or replace function tandem.plan(p_mapping text, p_sample integer default null)
returns table (
    step integer, verb text, relation text, lock_mode text, blocks text,
    estimated_seconds numeric, statement text, wal_bytes bigint, disk_bytes bigint, undo text,
    run_by text, note text
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $plan$
declare
    r_mapping tandem.mapping := tandem._mapping_of(p_mapping);
    v_flat text := pg_catalog.concat(pg_catalog.quote_ident(r_mapping.schema_name), '.',
        pg_catalog.quote_ident(r_mapping.flat_table));
    v_rows numeric;
    v_bytes bigint;
    -- what a batch cost on the machines that this was measured on, where no sample was asked for
    v_us_per_row numeric := 45;
    v_wal_per_row numeric := 2300;
    v_source text := 'estimate without a sample; ask tandem.plan(mapping, 1000) after prepare';
    r_sample record;
begin
    perform tandem._check_range('p_sample', p_sample, 1, 100000);
    if r_mapping.area = 'imports' then
        return query select i.* from tandem._plan_import(p_mapping) as i;
        return;
    end if;
    -- by its names: to_regclass is refused where the caller may not use the schema
    select greatest(c.reltuples, 0), coalesce(pg_catalog.pg_relation_size(c.oid), 0)
    into v_rows, v_bytes
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = r_mapping.schema_name and c.relname = r_mapping.flat_table;
    if v_rows = 0 and v_bytes > 0 then
        v_rows := v_bytes / 120;  -- never analysed
    end if;
    if p_sample is not null then
        perform tandem._require_phase(
            p_mapping, 'plan with p_sample', array['prepared', 'syncing', 'migrated']
        );
        select s.* into r_sample from tandem._sample(p_mapping, p_sample) as s;
        if r_sample.rows_done > 0 then
            v_us_per_row := 1000 * r_sample.milliseconds / r_sample.rows_done;
            v_wal_per_row := r_sample.wal_bytes / r_sample.rows_done;
            v_source := pg_catalog.format('from a batch of %s rows, rolled back: %s ms',
                r_sample.rows_done, pg_catalog.round(r_sample.milliseconds, 1));
        else
            v_source := 'the sample found no row left to migrate';
        end if;
    end if;
    step := 0;
    return query
    select
        (pg_catalog.row_number() over (order by x.run_by <> 'procedure', x.ordinal))::integer,
        'prepare',
        x.relation,
        case when x.run_by = 'procedure' then x.lock_mode else 'SHARE UPDATE EXCLUSIVE' end,
        case when x.run_by = 'procedure' then x.blocks
            else 'nobody; waits for older transactions' end,
        case when x.kind = 'index'
            then pg_catalog.round(0.01 + v_rows * 0.0000006 + v_bytes / 500e6, 2)
            else 0.01 end,
        case when x.run_by = 'procedure' then x.statement
            else pg_catalog.regexp_replace(x.statement, ' index ', ' index concurrently ') end,
        case when x.kind = 'index' then (v_rows * 8)::bigint else 8192 end,
        case when x.kind = 'index' then (v_rows * 8)::bigint else 8192 end,
        x.undo, x.run_by,
        case when x.fault <> 'absent' then x.fault when x.run_by = 'tool' then
            'cannot run in a transaction: pgtandem prepare runs it, or you do, by itself' end
    from tandem._missing(p_mapping) as x;
    step := (select pg_catalog.count(*) from tandem._missing(p_mapping) as x);
    for relation, statement, undo in
        select
            w.relation,
            tandem._switch_statement(p_mapping, w.relation, w.direction, true),
            tandem._switch_statement(p_mapping, w.relation, w.direction, false)
        from (
            select distinct x.relation, x.direction from tandem._switches(p_mapping) as x
            where x.direction <> 'log' and not x.enabled
        ) as w
        order by w.direction desc, w.relation
    loop
        step := step + 1;
        verb := 'migrate';
        lock_mode := 'SHARE ROW EXCLUSIVE';
        blocks := 'writers, until older writers have ended; gives way after batch_lock_timeout';
        estimated_seconds := 0.01;
        wal_bytes := 8192;
        disk_bytes := 0;
        run_by := 'procedure';
        return next;
    end loop;
    step := step + 1;
    verb := 'migrate';
    run_by := 'procedure';
    statement := pg_catalog.format('call tandem.migrate(%L)', p_mapping);
    relation := v_flat;
    lock_mode := 'ROW EXCLUSIVE; rows of one batch FOR NO KEY UPDATE';
    blocks := 'writers of the rows in the batch, for the length of a batch (50 ms)';
    estimated_seconds := pg_catalog.round(v_rows * v_us_per_row / 1e6, 1);
    wal_bytes := (v_rows * v_wal_per_row)::bigint;
    disk_bytes := (v_rows * 850)::bigint + v_bytes;
    undo := pg_catalog.format('call tandem.rollback(%L)', p_mapping);
    note := v_source;
    return next;
    step := step + 1;
    verb := 'rollback';
    statement := pg_catalog.format('call tandem.rollback(%L)', p_mapping);
    lock_mode := 'SHARE ROW EXCLUSIVE, a table at a time';
    blocks := 'writers, for an instant';
    estimated_seconds := pg_catalog.round(0.1 + v_rows * 0.000008, 1);
    wal_bytes := (v_rows * 160)::bigint;
    disk_bytes := (v_rows * 120)::bigint;
    undo := pg_catalog.format('call tandem.migrate(%L)', p_mapping);
    note := 'disables the triggers, notes which row belongs to which leaf; tables and columns stay';
    return next;
    step := step + 1;
    statement := pg_catalog.format('call tandem.rollback(%L, p_drop_columns => true)', p_mapping);
    lock_mode := 'ACCESS EXCLUSIVE, a table at a time';
    blocks := 'everyone, for an instant';
    undo := pg_catalog.format('call tandem.prepare(%L)', p_mapping);
    note := 'drops the views, the triggers and the sync columns besides';
    return next;
end
$plan$;

comment on function tandem.plan(text, integer) is
'A row per statement that prepare, migrate and rollback will run: lock, whom it blocks, estimated '
'seconds, WAL and disk in bytes, how it is undone, who runs it (procedure, tool: outside a '
'transaction). Reads only; with p_sample a batch of so many rows is run and rolled back, and the '
'estimate comes from it. Operators may call it. '
'Example: select * from tandem.plan(''products'');';
