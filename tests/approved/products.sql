-- schema/mapping/sync/01-schema.sql
-- The mapping's own schema, which the bundle makes. DROP SCHEMA ... CASCADE takes the triggers with it and leaves the tables.
comment on schema tandem_products is
'pgtandem: rendered code of the mapping products';

-- What is kept of deleted rows, dated rows to come, and the counters of calls.
do $stores$
begin
    perform tandem._create_stores('products');
end
$stores$;

-- The end of a trigger's call: what it writes is no more ours, and it is counted in its class of
-- duration, see tandem._calls.
create or replace function tandem_products._f2h_leave(p_origin text, p_started timestamptz) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $_f2h_leave$
declare
    v_origin text := p_origin;
    v_token bigint;
    v_class integer := pg_catalog.width_bucket(
        extract(epoch from pg_catalog.clock_timestamp() - p_started)::float8,
        '{0.0001, 0.0003, 0.001, 0.003, 0.01}'::float8[]
    );
begin
    if pg_catalog.split_part(v_origin, ':', 3) <> pg_catalog.currval('tandem.origin')::text then
        v_token := tandem._new_token();
    end if;
    v_origin := pg_catalog.set_config('tandem.origin', v_origin, true);
    case v_class
        when 0 then perform from tandem_products._f2h_100us;
        when 1 then perform from tandem_products._f2h_300us;
        when 2 then perform from tandem_products._f2h_1ms;
        when 3 then perform from tandem_products._f2h_3ms;
        when 4 then perform from tandem_products._f2h_10ms;
        when 5 then perform from tandem_products._f2h_more;
    end case;
    return v_class;
end
$_f2h_leave$;

comment on function tandem_products._f2h_leave(text, timestamptz) is
'Ends a call of a trigger of this direction. p_origin: what tandem.origin said before it, p_started: '
'when it began. Returns its class of duration.';

-- The end of a trigger's call: what it writes is no more ours, and it is counted in its class of
-- duration, see tandem._calls.
create or replace function tandem_products._h2f_leave(p_origin text, p_started timestamptz) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $_h2f_leave$
declare
    v_origin text := p_origin;
    v_token bigint;
    v_class integer := pg_catalog.width_bucket(
        extract(epoch from pg_catalog.clock_timestamp() - p_started)::float8,
        '{0.0001, 0.0003, 0.001, 0.003, 0.01}'::float8[]
    );
begin
    if pg_catalog.split_part(v_origin, ':', 3) <> pg_catalog.currval('tandem.origin')::text then
        v_token := tandem._new_token();
    end if;
    v_origin := pg_catalog.set_config('tandem.origin', v_origin, true);
    case v_class
        when 0 then perform from tandem_products._h2f_100us;
        when 1 then perform from tandem_products._h2f_300us;
        when 2 then perform from tandem_products._h2f_1ms;
        when 3 then perform from tandem_products._h2f_3ms;
        when 4 then perform from tandem_products._h2f_10ms;
        when 5 then perform from tandem_products._h2f_more;
    end case;
    return v_class;
end
$_h2f_leave$;

comment on function tandem_products._h2f_leave(text, timestamptz) is
'Ends a call of a trigger of this direction. p_origin: what tandem.origin said before it, p_started: '
'when it began. Returns its class of duration.';

-- schema/mapping/sync/03-inside.sql
-- Batches write inside an INSTEAD OF trigger of this view: at trigger depth 1, where no statement of
-- a client can be. So the sync triggers can tell a batch's writes from everything else.
create or replace view tandem_products.inside as
select
    null::text as verb, null::bigint as run_id, null::integer as batch_rows,
    null::jsonb as failure, null::tandem.step_result as result
where false;

comment on view tandem_products.inside is
'Not for reading: an INSERT runs a batch at trigger depth 1 and returns its result.';

-- procedures/sync/_add_flat.sql
-- Makes the flat row of a leaf that has none.
create or replace function tandem_products._add_flat(p_leaf uuid) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $_add_flat$
#variable_conflict use_variable
declare
    v_now timestamptz;
begin
    if not tandem_products._lock_chain(p_leaf) then
        return 'gone';
    end if;
    if exists (
        select from public.tblproduct as flat where flat.configid = p_leaf
    ) then
        -- its own writer may be at work, or the leaf was deleted and inserted in one statement
        return tandem_products._pull(p_leaf, 0, 'columns');
    end if;
    v_now := pg_catalog.clock_timestamp();
    insert into public.tblproduct (
        syncstatus, baseproductid, productname, versionid, version, catalogid, catalogname, configid, configname, sku, configdata, status, amount, updatedat
    )
    select
        'active', base.baseproductid, base.name, version.versionid, version.version, catalog.catalogid, catalog.name, config.configid, config.name, config.sku, config.attributes, config.status, price.amount, v_now
    from public.tblconfig as config
    join public.tblcatalog as catalog
        on catalog.catalogid = config.catalogid
    join public.tblproductversion as version
        on version.versionid = catalog.versionid
    join public.tblbaseproduct as base
        on base.baseproductid = version.baseproductid

    left join lateral (
        select s.priceid, s.amount, s.currency, s.effectivefrom
        from public.tblconfigprice as s
        where s.configid = config.configid
            and s.effectivefrom <= v_now
        order by s.effectivefrom desc
        limit 1
    ) as price on true
    where config.configid = p_leaf;
    if not found or tandem_products._differs(p_leaf) then
        -- it holds more than was written: columns beside the lead, values of a trigger
        perform tandem_products._settle(p_leaf);
    end if;
    if not exists (
        select from public.tblproduct as flat where flat.configid = p_leaf
    ) then
        perform tandem._suppressed('products', 'tblproduct', p_leaf::text);
    end if;
    -- While the sync is being switched on an old program may delete the row with no trigger to see it.
    if exists (select from tandem.mapping as t where t.name = 'products' and t.phase = 'prepared') then
        insert into tandem_products.kept (flat_key, leaf_id, reason)
        select flat.productid::text, p_leaf, 'rollback'
        from public.tblproduct as flat where flat.configid = p_leaf
        on conflict do nothing;
    end if;
    return 'written';
end
$_add_flat$;

comment on function tandem_products._add_flat(uuid) is
'Makes the flat row of a leaf that has none. Returns written, unchanged or gone.';

-- procedures/sync/_differs.sql
-- Whether the two sides of one leaf differ in a mapped column. A rejected row is known to.
create or replace function tandem_products._differs(p_leaf uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_differs$
#variable_conflict use_variable
declare
    v_now timestamptz := pg_catalog.clock_timestamp();
begin
    return exists (
        select
        from public.tblconfig as config
        join public.tblcatalog as catalog
            on catalog.catalogid = config.catalogid
        join public.tblproductversion as version
            on version.versionid = catalog.versionid
        join public.tblbaseproduct as base
            on base.baseproductid = version.baseproductid

        left join lateral (
            select s.priceid, s.amount, s.currency, s.effectivefrom
            from public.tblconfigprice as s
            where s.configid = config.configid
                and s.effectivefrom <= v_now
            order by s.effectivefrom desc
            limit 1
        ) as price on true
        join public.tblproduct as flat on flat.configid = config.configid
        where config.configid = p_leaf
            and flat.syncstatus is distinct from 'rejected'
            and (
                not ((flat.productname) is not distinct from base.name) or
                not (((case when tandem.is_blank(flat.version) then '1' else flat.version end) is not distinct from version.version or flat.version is not distinct from version.version)) or
                not (((case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end) is not distinct from catalog.name or flat.catalogname is not distinct from catalog.name)) or
                not ((flat.configname) is not distinct from config.name) or
                not ((flat.sku) is not distinct from config.sku) or
                not ((flat.configdata) is not distinct from config.attributes) or
                not ((flat.status) is not distinct from config.status) or
                (not ((flat.amount) is not distinct from price.amount)
                    or (price.amount is not null and not ((flat.currency) is not distinct from price.currency))) or
                false
            )
    );
end
$_differs$;

comment on function tandem_products._differs(uuid) is
'True where a flat row and its leaf differ in a mapped column and the row is not rejected.';

-- procedures/sync/_fault.sql
-- What can be tested of a flat row before it is written to the hierarchy; NULL where it fits.
-- lint: inlinable
create or replace function tandem_products._fault(
    p_1 text,  -- productname
    p_2 text,  -- version
    p_3 text,  -- catalogname
    p_4 text,  -- configname
    p_5 text,  -- sku
    p_6 jsonb,  -- configdata
    p_7 varchar(20),  -- status
    p_8 numeric(14, 2),  -- amount
    p_9 char(3)  -- currency
) returns text
language sql stable
as $_fault$
    select case
        when tandem.is_blank(p_1) then 'productname is missing'
        when pg_catalog.octet_length(p_1) > 2600 then 'productname is longer than 2600 bytes'
        when pg_catalog.octet_length(p_2) > 2600 then 'version is longer than 2600 bytes'
        when pg_catalog.octet_length(p_3) > 2600 then 'catalogname is longer than 2600 bytes'
        when false then ''
    end
$_fault$;

comment on function tandem_products._fault(text, text, text, text, text, jsonb, varchar(20), numeric(14, 2), char(3)) is
'Why a flat row cannot be written to the hierarchy, or NULL. Arguments: the mapped columns.';

-- procedures/sync/_give_back.sql
-- The leaf first, with the mapped values that it has now. Where it cannot come back whole, or a program
-- has made it again meanwhile, the row that there is gets what it lacks. What remains is kept. Where
-- the leaf was taken out a run leaves alone what remained before: other rows are still to come, and it is not to
-- take a unique value of theirs.
create or replace function tandem_products._give_back(
    p_kept tandem_products.kept, p_leaf uuid, p_parent uuid, p_mapped jsonb, p_run bigint, p_careful boolean
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_give_back$
#variable_conflict use_variable
declare
    v_table constant regclass := 'public.tblconfig';
    v_path text := pg_catalog.current_setting('search_path');
    v_content jsonb;
    v_now jsonb := p_mapped || pg_catalog.jsonb_build_object('configid', p_leaf, 'catalogid', p_parent);
    -- a run tries the row alone where it fails; a client's statement is not to fail for what is kept
    v_careful boolean := p_careful or p_run is null and (tandem._has_own_triggers('products') or exists (
        select from pg_catalog.pg_constraint as c
        where c.conrelid in (v_table, 'public.tblconfigprice'::regclass) and c.contype in ('c', 'f', 'x')
            and c.confrelid not in (v_table, 'public.tblcatalog'::regclass)
    ));
    v_fault text;
    v_faults text[];
    v_is_ours boolean := false;
    v_remains jsonb;
    v_dated jsonb := '{}';
    r_dated record;
begin
    if p_kept.remains is not null and (p_run is null or p_kept.leaf is null) then
        p_kept.leaf := tandem._merge_rows(coalesce(p_kept.leaf, '{}'), p_kept.remains -> 'leaf');
        p_kept.satellites := tandem._join_dated(p_kept.satellites, p_kept.remains -> 'satellites');
        p_kept.remains := null;
    end if;
    v_content := tandem._unpack_row(p_kept.leaf);
    if not exists (select from public.tblconfig as config where config.configid = p_leaf) then
        v_fault := tandem._bring_back(v_table, v_content || v_now, v_path, v_careful);
        if v_fault is null then
            v_content := '{}';
        elsif p_kept.flat_key is not null then
            v_is_ours := tandem._bring_back(v_table, v_now, v_path, v_careful) is null;
        end if;
    end if;
    if v_content = '{}' then
        null;
    elsif exists (select from public.tblconfig as config where config.configid = p_leaf) then
        select f.remains, f.fault into v_remains, v_fault
        from tandem._fill('products', 'config', p_leaf, v_content, v_is_ours) as f;
    else
        v_remains := v_content;
    end if;
    v_faults := array[v_fault];
    for r_dated in
        select k.content, tandem._bring_back('public.tblconfigprice'::regclass, tandem._unpack_row(k.content), v_path, v_careful) as fault
        from pg_catalog.jsonb_array_elements(p_kept.satellites -> 'price') as k (content)
    loop
        if r_dated.fault is not null and not exists (
            select from public.tblconfigprice as s
            where s.priceid::text = tandem._unpack_row(r_dated.content) ->> 'priceid'
        ) then
            v_faults := v_faults || r_dated.fault;
            v_dated := pg_catalog.jsonb_set(v_dated, array['price'],
                coalesce(v_dated -> 'price', '[]') || pg_catalog.jsonb_build_array(r_dated.content));
        end if;
    end loop;
    insert into tandem_products.due (satellite, leaf_id, effective)
    select 'price', p_leaf, s.effectivefrom
    from public.tblconfigprice as s
    where s.configid = p_leaf and s.effectivefrom > pg_catalog.clock_timestamp()
    on conflict do nothing;
    if v_remains is null and v_dated = '{}' and p_kept.remains is null then
        perform tandem._resolve('products', p_leaf::text, 'came back', 'hierarchy');
        return true;
    end if;
    insert into tandem_products.kept (flat_key, leaf_id, parent, reason, remains)
    values (p_kept.flat_key, p_leaf, p_kept.parent, 'refused', pg_catalog.jsonb_build_object(
        'leaf', coalesce(v_remains, '{}') || coalesce(p_kept.remains -> 'leaf', '{}'),
        'satellites', tandem._join_dated(v_dated, p_kept.remains -> 'satellites')
    ));
    if v_remains is null and v_dated = '{}' then
        return true;  -- that it could not come back before is a rejected row already
    end if;
    perform tandem._refuse_kept('products', p_run, 'kept', p_leaf, v_remains, pg_catalog.array_to_string(v_faults, '; '));
    return false;
end
$_give_back$;

comment on function tandem_products._give_back(tandem_products.kept, uuid, uuid, jsonb, bigint, boolean) is
'Brings a kept leaf, which the caller has taken out of kept, back under a parent, with its dated rows. '
'p_mapped: its mapped values now. False where something cannot come back: that is kept, and a rejected row.';

-- procedures/sync/_is_waiting.sql
-- True for a leaf whose flat row is newer than it: on the way forward before its batch, or rejected.
create or replace function tandem_products._is_waiting(p_leaf uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_is_waiting$
#variable_conflict use_variable
begin
    return exists (
        select from public.tblproduct as flat
        where flat.configid = p_leaf and (flat.syncstatus is distinct from 'active' or not exists (
            select from tandem.mapping as t where t.name = 'products' and t.phase = 'migrated'))
    );
end
$_is_waiting$;

comment on function tandem_products._is_waiting(uuid) is
'Whether the flat row of a leaf has what the leaf does not know yet.';

-- procedures/sync/_keep.sql
-- Deletes a leaf with its dated rows, after keeping what the flat table cannot hold.
create or replace function tandem_products._keep(p_leaf uuid, p_key text, p_reason text) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set extra_float_digits = 1
as $_keep$
#variable_conflict use_variable
declare
    v_leaf jsonb;
    v_parent uuid;
    v_rows_1 jsonb;  -- price
begin
    -- locked before it is read, or deleted and read by one statement: what a concurrent writer has just
    -- committed is kept as well
    perform from public.tblconfig as config
    where config.configid = p_leaf
    for update;
    if not found then
        update tandem_products.kept as kept
        set flat_key = p_key, parent = case when p_key is null then kept.parent end, reason = p_reason, kept_at = pg_catalog.clock_timestamp()
        where kept.leaf_id = p_leaf;
        return false;
    end if;
    with gone as (
        delete from public.tblconfigprice as s where s.configid = p_leaf
        returning pg_catalog.to_jsonb(s.*::text || array(
            select a.attname::text from pg_catalog.pg_attribute as a
            where a.attrelid = 'public.tblconfigprice'::regclass and a.attnum > 0 and not a.attisdropped
            order by a.attnum
        )) as content
    )
    select coalesce(pg_catalog.jsonb_agg(gone.content), '[]') into v_rows_1
    from gone;
    delete from public.tblconfig as config
    where config.configid = p_leaf
    returning pg_catalog.to_jsonb(config.*::text || array(
            select a.attname::text from pg_catalog.pg_attribute as a
            where a.attrelid = 'public.tblconfig'::regclass and a.attnum > 0 and not a.attisdropped
            order by a.attnum
        )), config.catalogid into v_leaf, v_parent;
    if not found then
        perform tandem._suppressed('products', 'tblconfig', p_leaf::text);
    end if;
    insert into tandem_products.kept as kept (flat_key, leaf_id, leaf, parent, satellites, reason)
    values (
        p_key, p_leaf, v_leaf, case when p_key is null then v_parent end,
        pg_catalog.jsonb_build_object('price', v_rows_1), p_reason
    )
    on conflict (leaf_id) do update
    set flat_key = excluded.flat_key, parent = excluded.parent, reason = excluded.reason, kept_at = excluded.kept_at,
        -- what waited here while a program made the leaf again stays; what could not come back stays apart
        leaf = tandem._merge_rows(excluded.leaf, case when kept.reason <> 'deleted' then kept.leaf end),
        satellites = tandem._join_dated(excluded.satellites, case when kept.reason <> 'deleted' then kept.satellites end),
        remains = case when kept.reason <> 'deleted' or kept.leaf is null then kept.remains end;
    delete from tandem_products.due as due where due.leaf_id = p_leaf;
    return true;
end
$_keep$;

comment on function tandem_products._keep(uuid, text, text) is
'Deletes a leaf and its dated rows and keeps them under the flat key; without one, as a leaf that '
'comes back by itself. False where the leaf is gone: what is kept of it is then put under the key.';

-- procedures/sync/_kept_for.sql
-- What was noted while nothing was synced waits for its row, and comes before what a DELETE left.
create or replace function tandem_products._kept_for(p_key text) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $_kept_for$
begin
    return (
        select kept.leaf_id
        from tandem_products.kept as kept
        where kept.flat_key = p_key and not exists (
            select from public.tblproduct as flat
            where flat.configid = kept.leaf_id
        )
        order by kept.reason = 'deleted', kept.kept_at desc
        limit 1
    );
end
$_kept_for$;

comment on function tandem_products._kept_for(text) is
'The leaf that a flat row without one gets back, by the row''s key as text; NULL where nothing is kept.';

-- procedures/sync/_lock_chain.sql
-- Locks a leaf and its ancestors, so that what is read of them afterwards (in a new statement) stays
-- true until the end of the transaction. Top down, as everyone does; the leaf itself comes last.
create or replace function tandem_products._lock_chain(p_leaf uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_lock_chain$
#variable_conflict use_variable
declare
    v_base uuid;
    v_version uuid;
    v_catalog uuid;
begin
    for v_try in 1 .. 100 loop
        select base.baseproductid, version.versionid, catalog.catalogid
        into v_base, v_version, v_catalog
        from public.tblconfig as config
        left join public.tblcatalog as catalog
            on catalog.catalogid = config.catalogid
        left join public.tblproductversion as version
            on version.versionid = catalog.versionid
        left join public.tblbaseproduct as base
            on base.baseproductid = version.baseproductid
        where config.configid = p_leaf;
        if not found then
            return false;
        end if;
        if v_base is null or v_version is null or v_catalog is null then
            perform tandem._no_chain('products', 'tblconfig', p_leaf);
        end if;
        perform from public.tblbaseproduct as base
        where base.baseproductid = v_base
        for key share;
        continue when not found;
        perform from public.tblproductversion as version
        where version.versionid = v_version
            and version.baseproductid = v_base
        for key share;
        continue when not found;
        perform from public.tblcatalog as catalog
        where catalog.catalogid = v_catalog
            and catalog.versionid = v_version
        for key share;
        continue when not found;
        perform from public.tblconfig as config
        where config.configid = p_leaf
            and config.catalogid = v_catalog
        for no key update;
        if found then
            return true;
        end if;
    end loop;
    raise exception 'the parents of a row of tblconfig keep changing'
    using errcode = 'serialization_failure',
        detail = pg_catalog.format('Row %s.', p_leaf),
        hint = 'Try the transaction again.';
end
$_lock_chain$;

comment on function tandem_products._lock_chain(uuid) is
'Locks a leaf and its ancestors top down; false where there is no such leaf.';

-- procedures/sync/_migrate_batch.sql
-- One batch of rows. They are locked before they are read: a row that is deleted or changed
-- meanwhile is either seen as it is afterwards, or is the triggers' work.
create or replace function tandem_products._migrate_batch(p_run bigint, p_rows integer, p_failure jsonb)
returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set enable_bitmapscan = off
set jit = off
as $_migrate_batch$
#variable_conflict use_variable
declare
    v_from bigint;
    v_to bigint;
    v_last bigint;
    v_next bigint;
    v_key bigint;
    v_odd boolean;
    v_careful boolean;
    v_settles boolean;
    v_slow boolean := tandem._makes_children('products');
    v_left bigint;
    v_written bigint := 0;
    v_rejected bigint := 0;
    v_done bigint;
    v_lost bigint;
    v_tries integer := 0;
    r_run tandem.run;
    r_result tandem.step_result;
    r_row record;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    -- else the loop comes to the row that fails alone
    v_careful := p_rows = 1 or r_run.params ->> 'on_reject' = 'stop'
        or coalesce((r_run.params ->> 'one_transaction')::boolean, false);
    -- whether rows that are linked already are made equal; else repair is told which side is right
    v_settles := (r_run.cursor ->> 'decided')::boolean is not true;
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    -- The range is fixed at its first batch: rows inserted above it later are the triggers' work.
    if r_run.cursor ? 'to' then
        v_from := (r_run.cursor ->> 'from')::bigint;
        v_to := (r_run.cursor ->> 'to')::bigint;
    else
        select flat.productid into v_from
        from public.tblproduct as flat
        where r_run.key_from is null or flat.productid >= r_run.key_from::bigint
    order by flat.productid
    limit 1;
        select flat.productid into v_to
        from public.tblproduct as flat
        where r_run.key_to is null or flat.productid <= r_run.key_to::bigint
    order by flat.productid desc
    limit 1;
    end if;
    -- The bound first, then the locks: a key that changes while its row is waited for moves no bound.
    select b.batch_key into v_last
    from (
        select flat.productid as batch_key
        from public.tblproduct as flat
        where flat.productid >= v_from and flat.productid <= v_to
        order by flat.productid
        limit p_rows
    ) as b
    order by b.batch_key desc
    limit 1;
    select pg_catalog.count(*), coalesce(pg_catalog.bool_or(b.is_odd), false)
    into r_result.read_rows, v_odd
    from (
        select flat.configid is null and (flat.syncstatus is distinct from 'active'
                or tandem_products._fault(
flat.productname, flat.version, flat.catalogname, flat.configname, flat.sku, flat.configdata, flat.status, flat.amount, flat.currency
        ) is not null) as is_odd
        from public.tblproduct as flat
        where flat.productid >= v_from and flat.productid <= v_last
        order by flat.productid
        for no key update
    ) as b;
    if v_last is null then
        r_result.cursor := r_run.cursor || pg_catalog.jsonb_build_object('stage', 'orphans');
        return r_result;
    end if;

    -- Rows that the loop found to fail on their own, and rows that cannot fit.
    if p_failure is not null then
        perform tandem._reject(
            'products', 'flat', flat.productid::text, pg_catalog.to_json(flat.*),
            p_failure ->> 'sqlstate', p_failure ->> 'message',
            coalesce(nullif(p_failure ->> 'hint', ''), p_failure ->> 'detail'), p_run
        )
        from public.tblproduct as flat
        where flat.productid >= v_from and flat.productid <= v_last;
        update public.tblproduct as flat
        set syncstatus = 'rejected'
        where flat.productid >= v_from and flat.productid <= v_last and flat.syncstatus is distinct from 'rejected';
        v_rejected := r_result.read_rows;
        v_odd := false;
    end if;
    if v_odd then
        for r_row in
            select flat.productid as row_key, pg_catalog.to_json(flat.*) as content, tandem_products._fault(
flat.productname, flat.version, flat.catalogname, flat.configname, flat.sku, flat.configdata, flat.status, flat.amount, flat.currency
        ) as fault
            from public.tblproduct as flat
            where flat.productid >= v_from and flat.productid <= v_last and flat.configid is null
                and tandem_products._fault(
flat.productname, flat.version, flat.catalogname, flat.configname, flat.sku, flat.configdata, flat.status, flat.amount, flat.currency
        ) is not null
        loop
            if coalesce(r_run.params ->> 'on_reject', 'continue') = 'stop' then
                perform tandem._refuse('products', 'tblproduct', r_row.row_key::text, r_row.fault,
                    'The migration was asked to stop at such a row; nothing before it is lost.',
                    'Correct the row and call tandem.migrate again, or p_on_reject => ''continue''.');
            end if;
            perform tandem._reject(
                'products', 'flat', r_row.row_key::text, r_row.content, 'TD030', r_row.fault,
                'Correct the row in tblproduct; it is synced by that write.', p_run
            );
            update public.tblproduct as flat
            set syncstatus = 'rejected'
            where flat.productid = r_row.row_key and flat.syncstatus is distinct from 'rejected';
            v_rejected := v_rejected + 1;
        end loop;
        for v_key in
            update public.tblproduct as flat
            set syncstatus = 'active'
            where flat.productid >= v_from and flat.productid <= v_last and flat.configid is null
                and flat.syncstatus is distinct from 'active' and tandem_products._fault(
flat.productname, flat.version, flat.catalogname, flat.configname, flat.sku, flat.configdata, flat.status, flat.amount, flat.currency
        ) is null
            returning flat.productid
        loop
            perform tandem._resolve('products', v_key::text, 'migrated');
        end loop;
    end if;
    if p_failure is null and (v_slow or exists (select from tandem_products.kept)) then
        -- Linked already: the note has done its work; a difference is found below.
        delete from tandem_products.kept as kept
        using public.tblproduct as flat
        where flat.productid >= v_from and flat.productid <= v_last and kept.leaf is null and kept.remains is null
            and flat.configid = kept.leaf_id;
        -- What was kept at a DELETE or a rollback is brought back row by row. And a trigger that makes children
        -- must have made them before ours are: all rows one by one.
        for v_key in
            select flat.productid
            from public.tblproduct as flat
            left join tandem_products.kept as kept on kept.flat_key = flat.productid::text
            where flat.productid >= v_from and flat.productid <= v_last
            and flat.configid is null and flat.syncstatus = 'active' and (v_slow or kept.flat_key is not null)
            union
            select flat.productid
            from public.tblproduct as flat
            join tandem_products.kept as kept on kept.leaf_id = flat.configid
            where flat.productid >= v_from and flat.productid <= v_last and flat.syncstatus = 'active'
        loop
            if tandem_products._push(v_key, p_run, 0, v_careful) = 'written' then
                v_written := v_written + 1;
            end if;
        end loop;
    end if;
    -- On a second migration, what differs; of one that had ended, what it has not done.
    if p_failure is null and (r_run.cursor ->> 'again')::boolean then
        for v_key in
            select flat.productid
            from public.tblproduct as flat
            left join public.tblconfig as config on config.configid = flat.configid
            where flat.productid >= v_from and flat.productid <= v_last and flat.configid is not null
                and (flat.syncstatus is distinct from 'active' or v_settles and (
                    config.configid is null or tandem_products._differs(flat.configid)))
        loop
            case tandem_products._push(v_key, p_run, 0, v_careful)
                when 'written' then v_written := v_written + 1;
                when 'rejected' then v_rejected := v_rejected + 1;
                else null;
            end case;
        end loop;
    end if;

    -- The rest, set by set; more than once where a parent was created or renamed by others meanwhile.
    loop
        select pg_catalog.count(*) into v_left
        from public.tblproduct as flat
        where flat.productid >= v_from and flat.productid <= v_last
            and flat.configid is null and flat.syncstatus = 'active';
        exit when v_left = 0;
        v_tries := v_tries + 1;
        if v_tries > 20 then
            raise exception '% rows of tblproduct cannot be given their ids', v_left
            using errcode = 'TD032',
                detail = pg_catalog.format('Keys from %s to %s.', v_from, v_last),
                hint = 'Does a BEFORE trigger of your own suppress the UPDATE, or change a key '
                'column of the hierarchy?';
        end if;
        select w.rows_done, w.rows_lost into v_done, v_lost
        from tandem_products._migrate_rows(v_from, v_last) as w;
        v_written := v_written + v_done;
        if v_lost > 0 then
            perform tandem._suppressed('products', 'tblconfig', v_from || ' to ' || v_last);
        end if;
    end loop;

    -- Where the application's own BEFORE triggers stored something else, that is the truth now.
    if v_settles and tandem._has_own_triggers('products') then
        for r_row in
            select flat.configid as leaf_id
            from public.tblproduct as flat
            where flat.productid >= v_from and flat.productid <= v_last and flat.syncstatus = 'active'
                and tandem_products._differs(flat.configid)
        loop
            perform tandem_products._pull(r_row.leaf_id);
        end loop;
    end if;

    select flat.productid into v_next
    from public.tblproduct as flat
    where flat.productid > v_last and flat.productid <= v_to
    order by flat.productid
    limit 1;
    r_result.written_rows := v_written;
    r_result.read_rows := greatest(r_result.read_rows, v_written + v_rejected);
    r_result.rejected_rows := v_rejected;
    r_result.unchanged_rows := r_result.read_rows - v_written - v_rejected;
    r_result.cursor := r_run.cursor || pg_catalog.jsonb_build_object(
        'stage', case when v_next is null then 'orphans' else 'rows' end,
        'from', v_next::text, 'to', v_to::text
    );
    return r_result;
end
$_migrate_batch$;

comment on function tandem_products._migrate_batch(bigint, integer, jsonb) is
'Moves one batch of flat rows into the hierarchy.';

-- procedures/sync/_migrate_rows.sql
-- The set-based part of a batch, one statement: parents found or created top down, then the flat rows'
-- ids, the leaves and the dated rows. A parent that is found is locked in key order by the look-up itself:
-- if it was renamed meanwhile the condition is tested again on the new version, and it is not found.
-- One that somebody else has just created is not seen: such rows wait for the caller's next turn.
-- Tables are read by index (OFFSET 0: level by level), because plans are first made while they are
-- empty and unanalysed; what the batch itself holds is joined by hash, in the order written: taken for one
-- row each, a child met by its own name before its parent would multiply rows.
create or replace function tandem_products._migrate_rows(
    p_from bigint, p_to bigint, out rows_done bigint, out rows_lost bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_mergejoin = off
set enable_material = off
set enable_hashjoin = on
set enable_nestloop = off
set join_collapse_limit = 1
set jit = off
set plan_cache_mode = force_generic_plan
as $_migrate_rows$
#variable_conflict use_variable
declare
    v_now timestamptz := pg_catalog.clock_timestamp();
begin
    with _todo as materialized (
        select flat.productid as flat_key,
            flat.productname as base_key_1,
            case when tandem.is_blank(flat.version) then '1' else flat.version end as version_key_1,
            case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end as catalog_key_1
        from public.tblproduct as flat
        where flat.productid >= p_from and flat.productid <= p_to
            and flat.configid is null and flat.syncstatus = 'active'
    ),

    base_found as materialized (
        select k.*, one.id
        from (
            select distinct _todo.base_key_1
            from _todo
            order by _todo.base_key_1
        ) as k
        left join lateral (
            select one.baseproductid as id
            from public.tblbaseproduct as one
            where one.name = k.base_key_1
            offset 0
            for key share
        ) as one on true
    ),

    base_new as (
        insert into public.tblbaseproduct as one (baseproductid, name)
        select tandem.new_id(), k.base_key_1
        from base_found as k
        where k.id is null
        on conflict do nothing
        returning one.baseproductid, one.name
    ),

    base_all (id, base_key_1) as materialized (
        select k.id, k.base_key_1
        from base_found as k
        where k.id is not null
        union all
        select n.* from base_new as n
    ),

    version_found as materialized (
        select k.*, one.id
        from (
            select distinct base.id as parent_id, _todo.version_key_1
            from _todo
            join base_all as base
                on base.base_key_1 = _todo.base_key_1
            order by parent_id, _todo.version_key_1
        ) as k
        left join lateral (
            select one.versionid as id
            from public.tblproductversion as one
            where one.baseproductid = k.parent_id and one.version = k.version_key_1
            offset 0
            for key share
        ) as one on true
    ),

    version_new as (
        insert into public.tblproductversion as one (versionid, baseproductid, version)
        select tandem.new_id(), k.parent_id, k.version_key_1
        from version_found as k
        where k.id is null
        on conflict do nothing
        returning one.versionid, one.baseproductid, one.version
    ),

    version_all (id, parent_id, version_key_1) as materialized (
        select k.id, k.parent_id, k.version_key_1
        from version_found as k
        where k.id is not null
        union all
        select n.* from version_new as n
    ),

    catalog_found as materialized (
        select k.*, one.id
        from (
            select distinct version.id as parent_id, _todo.catalog_key_1
            from _todo
            join base_all as base
                on base.base_key_1 = _todo.base_key_1
            join version_all as version
                on version.parent_id = base.id
                and version.version_key_1 = _todo.version_key_1
            order by parent_id, _todo.catalog_key_1
        ) as k
        left join lateral (
            select one.catalogid as id
            from public.tblcatalog as one
            where one.versionid = k.parent_id and one.name = k.catalog_key_1
            offset 0
            for key share
        ) as one on true
    ),

    catalog_new as (
        insert into public.tblcatalog as one (catalogid, versionid, name)
        select tandem.new_id(), k.parent_id, k.catalog_key_1
        from catalog_found as k
        where k.id is null
        on conflict do nothing
        returning one.catalogid, one.versionid, one.name
    ),

    catalog_all (id, parent_id, catalog_key_1) as materialized (
        select k.id, k.parent_id, k.catalog_key_1
        from catalog_found as k
        where k.id is not null
        union all
        select n.* from catalog_new as n
    ),

    assigned as (
        update public.tblproduct as flat
        set configid = tandem.new_id(), baseproductid = base.id, versionid = version.id, catalogid = catalog.id
        from _todo
        join base_all as base
                on base.base_key_1 = _todo.base_key_1
        join version_all as version
                on version.parent_id = base.id
                and version.version_key_1 = _todo.version_key_1
        join catalog_all as catalog
                on catalog.parent_id = version.id
                and catalog.catalog_key_1 = _todo.catalog_key_1
        where flat.productid = _todo.flat_key
            and flat.productid >= p_from and flat.productid <= p_to
            and flat.configid is null and flat.syncstatus = 'active'
        returning flat.*
    ),

    leaves as (
        insert into public.tblconfig (
            configid, catalogid, name, sku, attributes, status
        )
        select flat.configid, flat.catalogid, flat.configname, flat.sku, flat.configdata, flat.status
        from assigned as flat
        returning true
    ),

    price_rows as (
        insert into public.tblconfigprice (
            priceid, configid, effectivefrom, amount, currency
        )
        select tandem.new_id(), flat.configid, v_now, flat.amount, flat.currency
        from assigned as flat
        where flat.amount is not null
        returning true
    )

    select (select pg_catalog.count(*) from assigned),
        (select pg_catalog.count(*) from assigned) - (select pg_catalog.count(*) from leaves)
        + (select pg_catalog.count(flat.amount) from assigned as flat)
        - (select pg_catalog.count(*) from price_rows)
    into rows_done, rows_lost;
end
$_migrate_rows$;

comment on function tandem_products._migrate_rows(bigint, bigint) is
'Moves the flat rows of a range that have no ids yet; returns how many got them, and how many rows of theirs a trigger suppressed.';

-- procedures/sync/_move.sql
-- A flat row got another natural key: its leaf goes to the parent of that name, found or created.
-- Nothing but the place is written: other columns may be on their way from either side.
create or replace function tandem_products._move(p_key bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_move$
#variable_conflict use_variable
declare
    r_flat record;
    r_place record;
    v_parent uuid;
begin
    select * into r_flat
    from public.tblproduct as flat
    where flat.productid = p_key
    for no key update;
    if not found then
        return;
    end if;
    select * into r_place from tandem_products._place(
        r_flat.productname,
        case when tandem.is_blank(r_flat.version) then '1' else r_flat.version end,
        case when tandem.is_blank(r_flat.catalogname) then 'default' else r_flat.catalogname end,
        array[r_flat.baseproductid, r_flat.versionid, r_flat.catalogid]
    );
    update public.tblproduct as flat
    set baseproductid = r_place.base_id, versionid = r_place.version_id, catalogid = r_place.catalog_id
    where flat.productid = p_key
        and (flat.baseproductid is distinct from r_place.base_id
            or flat.versionid is distinct from r_place.version_id
            or flat.catalogid is distinct from r_place.catalog_id);
    update public.tblconfig as config
    set catalogid = r_place.catalog_id
    where config.configid = r_flat.configid
        and config.catalogid is distinct from r_place.catalog_id
    returning config.catalogid into v_parent;
    if not found then
        select config.catalogid into v_parent
        from public.tblconfig as config
        where config.configid = r_flat.configid;
    end if;
    if v_parent <> r_place.catalog_id then
        -- a BEFORE trigger of the application kept the leaf where it was
        perform tandem._suppressed('products', 'tblconfig', r_flat.configid::text);
    end if;
end
$_move$;

comment on function tandem_products._move(bigint) is
'Moves the leaf of a flat row to the parent that the row''s natural key names.';

-- procedures/sync/_place.sql
-- Finds or creates the parents of a flat row by natural key, top down, and keeps each locked: a
-- rename must wait until the leaf is there, or is seen by the key condition (repeated under the
-- lock). A created parent copies the unmapped columns of the one that is left (p_from, top down).
create or replace function tandem_products._place(
    p_base text,
    p_version text,
    p_catalog text,
    p_from uuid[], out base_id uuid, out version_id uuid, out catalog_id uuid
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $_place$
#variable_conflict use_variable
begin
    for v_try in 1 .. 100 loop
        select base.baseproductid into _place.base_id from public.tblbaseproduct as base
        where base.name = p_base
        for key share;
        exit when found;
        if v_try = 100 then
            perform tandem._cannot_place('products', 'tblbaseproduct');
        elsif p_from[1] is null then
            insert into public.tblbaseproduct (baseproductid, name) overriding system value
            values (tandem.new_id(), p_base) on conflict do nothing;
        else
            -- as a copy, or, where own unique columns forbid that, bare
            perform tandem._insert_row('public.tblbaseproduct'::regclass, coalesce((
                select tandem._unpack_row(tandem._pack_row('public.tblbaseproduct'::regclass, one.*)) from public.tblbaseproduct as one
                where one.baseproductid = p_from[1] and v_try = 1
            ), '{}') || pg_catalog.jsonb_build_object('baseproductid', tandem.new_id(), 'name', p_base::text), pg_catalog.current_setting('search_path'));
        end if;
    end loop;
    for v_try in 1 .. 100 loop
        select version.versionid into _place.version_id from public.tblproductversion as version
        where version.baseproductid = _place.base_id and version.version = p_version
        for key share;
        exit when found;
        if v_try = 100 then
            perform tandem._cannot_place('products', 'tblproductversion');
        elsif p_from[2] is null then
            insert into public.tblproductversion (versionid, baseproductid, version) overriding system value
            values (tandem.new_id(), _place.base_id, p_version) on conflict do nothing;
        else
            -- as a copy, or, where own unique columns forbid that, bare
            perform tandem._insert_row('public.tblproductversion'::regclass, coalesce((
                select tandem._unpack_row(tandem._pack_row('public.tblproductversion'::regclass, one.*)) from public.tblproductversion as one
                where one.versionid = p_from[2] and v_try = 1
            ), '{}') || pg_catalog.jsonb_build_object('versionid', tandem.new_id(), 'baseproductid', _place.base_id, 'version', p_version::text), pg_catalog.current_setting('search_path'));
        end if;
    end loop;
    for v_try in 1 .. 100 loop
        select catalog.catalogid into _place.catalog_id from public.tblcatalog as catalog
        where catalog.versionid = _place.version_id and catalog.name = p_catalog
        for key share;
        exit when found;
        if v_try = 100 then
            perform tandem._cannot_place('products', 'tblcatalog');
        elsif p_from[3] is null then
            insert into public.tblcatalog (catalogid, versionid, name) overriding system value
            values (tandem.new_id(), _place.version_id, p_catalog) on conflict do nothing;
        else
            -- as a copy, or, where own unique columns forbid that, bare
            perform tandem._insert_row('public.tblcatalog'::regclass, coalesce((
                select tandem._unpack_row(tandem._pack_row('public.tblcatalog'::regclass, one.*)) from public.tblcatalog as one
                where one.catalogid = p_from[3] and v_try = 1
            ), '{}') || pg_catalog.jsonb_build_object('catalogid', tandem.new_id(), 'versionid', _place.version_id, 'name', p_catalog::text), pg_catalog.current_setting('search_path'));
        end if;
    end loop;
end
$_place$;

comment on function tandem_products._place(text, text, text, uuid[]) is
'The ids of a flat row''s parents, found or created by natural key, locked FOR KEY SHARE.';

-- procedures/sync/_pull.sql
-- Hierarchy to flat for one whole leaf: writes the columns that differ, and no others. p_what: all;
-- columns, without those of dated rows (the flat row's writer may be at work on them); or levels, only
-- those of levels that the leaf was moved to: not of levels above p_left, the parent that it had.
create or replace function tandem_products._pull(
    p_leaf uuid, p_depth integer default 0, p_what text default 'all', p_left uuid default null
) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $_pull$
#variable_conflict use_variable
declare
    v_now timestamptz;
    v_left uuid[];
    r_flat record;
begin
    if p_left is not null then
        select array[base.baseproductid, version.versionid, catalog.catalogid] into v_left
        from public.tblcatalog as catalog
        left join public.tblproductversion as version
            on version.versionid = catalog.versionid
        left join public.tblbaseproduct as base
            on base.baseproductid = version.baseproductid
        where catalog.catalogid = p_left;
    end if;
    if not tandem_products._lock_chain(p_leaf) then
        return 'gone';
    end if;
    v_now := pg_catalog.clock_timestamp();
    -- The joined rows are locked, so a wait for the flat row cannot make them stale.
    update public.tblproduct as flat
    set
        baseproductid = base.baseproductid,
        productname = case when not ((flat.productname) is not distinct from base.name)
            and (p_what <> 'levels' or flat.baseproductid is distinct from base.baseproductid
                and base.baseproductid <> all (coalesce(v_left, '{}')))
            then base.name else flat.productname end,
        versionid = version.versionid,
        version = case when not (((case when tandem.is_blank(flat.version) then '1' else flat.version end) is not distinct from version.version or flat.version is not distinct from version.version))
            and (p_what <> 'levels' or flat.versionid is distinct from version.versionid
                and version.versionid <> all (coalesce(v_left, '{}')))
            then version.version else flat.version end,
        catalogid = catalog.catalogid,
        catalogname = case when not (((case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end) is not distinct from catalog.name or flat.catalogname is not distinct from catalog.name))
            and (p_what <> 'levels' or flat.catalogid is distinct from catalog.catalogid
                and catalog.catalogid <> all (coalesce(v_left, '{}')))
            then catalog.name else flat.catalogname end,
        configname = case when p_what <> 'levels' and not ((flat.configname) is not distinct from config.name)
            then config.name else flat.configname end,
        sku = case when p_what <> 'levels' and not ((flat.sku) is not distinct from config.sku)
            then config.sku else flat.sku end,
        configdata = case when p_what <> 'levels' and not ((flat.configdata) is not distinct from config.attributes)
            then config.attributes else flat.configdata end,
        status = case when p_what <> 'levels' and not ((flat.status) is not distinct from config.status)
            then config.status else flat.status end,
        amount = case when p_what = 'all' and not ((flat.amount) is not distinct from price.amount)
            then price.amount else flat.amount end,
        currency = case when p_what = 'all' and not ((flat.currency) is not distinct from price.currency) and price.amount is not null
            then price.currency else flat.currency end,
        updatedat = v_now,
        syncstatus = flat.syncstatus
    from public.tblconfig as config
    join public.tblcatalog as catalog
        on catalog.catalogid = config.catalogid
    join public.tblproductversion as version
        on version.versionid = catalog.versionid
    join public.tblbaseproduct as base
        on base.baseproductid = version.baseproductid

    left join lateral (
        select s.priceid, s.amount, s.currency, s.effectivefrom
        from public.tblconfigprice as s
        where s.configid = config.configid
            and s.effectivefrom <= v_now
        order by s.effectivefrom desc
        limit 1
    ) as price on true
    where config.configid = p_leaf
        and flat.configid = p_leaf
        and (
            flat.baseproductid is distinct from base.baseproductid or
            p_what <> 'levels' and not ((flat.productname) is not distinct from base.name) or
            flat.versionid is distinct from version.versionid or
            p_what <> 'levels' and not (((case when tandem.is_blank(flat.version) then '1' else flat.version end) is not distinct from version.version or flat.version is not distinct from version.version)) or
            flat.catalogid is distinct from catalog.catalogid or
            p_what <> 'levels' and not (((case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end) is not distinct from catalog.name or flat.catalogname is not distinct from catalog.name)) or
            p_what <> 'levels' and not ((flat.configname) is not distinct from config.name) or
            p_what <> 'levels' and not ((flat.sku) is not distinct from config.sku) or
            p_what <> 'levels' and not ((flat.configdata) is not distinct from config.attributes) or
            p_what <> 'levels' and not ((flat.status) is not distinct from config.status) or
            p_what = 'all' and (not ((flat.amount) is not distinct from price.amount)
                or (price.amount is not null and not ((flat.currency) is not distinct from price.currency))) or
            false
        )
    returning flat.* into r_flat;
    if not found then
        select * into r_flat from public.tblproduct as flat where flat.configid = p_leaf;
        if found and p_what = 'levels' and exists (
            select from public.tblconfig as config
            join public.tblcatalog as catalog
                on catalog.catalogid = config.catalogid
            join public.tblproductversion as version
                on version.versionid = catalog.versionid
            join public.tblbaseproduct as base
                on base.baseproductid = version.baseproductid

            where config.configid = p_leaf
                and (base.baseproductid <> r_flat.baseproductid or version.versionid <> r_flat.versionid or catalog.catalogid <> r_flat.catalogid)
        ) then
            perform tandem._suppressed('products', 'tblproduct', p_leaf::text);
        end if;
        return case when r_flat is null then 'gone' else 'unchanged' end;
    end if;
    if r_flat.syncstatus = 'rejected'
        or (p_depth = 0 and p_what = 'all' and tandem_products._differs(p_leaf)) then
        -- the row may be in order again; or
        -- a BEFORE trigger of the application stored something else: written back once
        perform tandem_products._push(r_flat.productid, null, 1);
    end if;
    return 'written';
end
$_pull$;

comment on function tandem_products._pull(uuid, integer, text, uuid) is
'Makes the flat row say what its leaf and the chain above say. Returns written, unchanged or gone.';

-- procedures/sync/_pull_satellite.sql
-- Hierarchy to flat: the dated row in force. The leaf's row lock puts writers in a line; what is
-- read, is read after it. p_keep marks columns, in the mapping's order, whose flat value is newer.
create or replace function tandem_products._pull_price(
    p_leaf uuid, p_keep boolean[] default '{}'
) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_pull_price$
#variable_conflict use_variable
declare
    v_now timestamptz;
begin
    perform from public.tblconfig as config
    where config.configid = p_leaf
    for no key update;
    if not found then
        return false;
    end if;
    -- A writer from an old snapshot must learn that the flat row was changed since: 40001.
    perform from public.tblproduct as flat
    where flat.configid = p_leaf
    for no key update;
    v_now := pg_catalog.clock_timestamp();
    -- first: a trigger that looks at what is written does not find the row due again
    delete from tandem_products.due as due
    where due.leaf_id = p_leaf and due.satellite = 'price' and due.effective <= v_now;
    update public.tblproduct as flat
    set
        amount = case when p_keep[1] is not true and not ((flat.amount) is not distinct from price.amount)
            then price.amount else flat.amount end,
        currency = case when p_keep[2] is not true and not ((flat.currency) is not distinct from price.currency) and price.amount is not null
            then price.currency else flat.currency end,
        updatedat = v_now
    from public.tblconfig as config
    left join lateral (
        select s.priceid, s.amount, s.currency, s.effectivefrom
        from public.tblconfigprice as s
        where s.configid = config.configid
            and s.effectivefrom <= v_now
        order by s.effectivefrom desc
        limit 1
    ) as price on true
    where config.configid = p_leaf
        and flat.configid = p_leaf
        and (p_keep[1] is not true and not ((flat.amount) is not distinct from price.amount)
            or p_keep[2] is not true and not ((flat.currency) is not distinct from price.currency) and price.amount is not null);
    return found;
end
$_pull_price$;

comment on function tandem_products._pull_price(uuid, boolean[]) is
'Writes the value in force of a leaf to its flat row; true where that took a write.';

-- procedures/sync/_push.sql
-- Flat to hierarchy for one whole row, whatever its state: not migrated, rejected, moved, kept from
-- a DELETE, or just different. The triggers' slow way, and repair's. Returns what happened.
create or replace function tandem_products._push(
    p_key bigint, p_run bigint default null, p_depth integer default 0, p_careful boolean default false,
    p_keep boolean[] default '{}'
) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $_push$
#variable_conflict use_variable
declare
    v_fault text;
    v_leaf uuid;
    v_was text;
    v_written boolean := false;
    r_flat record;
    r_kept tandem_products.kept;
    r_place record;
begin
    select * into r_flat
    from public.tblproduct as flat
    where flat.productid = p_key
    for no key update;
    if not found then
        return 'gone';
    end if;
    v_was := r_flat.syncstatus;
    v_fault := tandem_products._fault(
r_flat.productname, r_flat.version, r_flat.catalogname, r_flat.configname, r_flat.sku, r_flat.configdata, r_flat.status, r_flat.amount, r_flat.currency
    );
    if v_fault is not null then
        perform tandem._reject(
            'products', 'flat', p_key::text, pg_catalog.to_json(r_flat), 'TD030', v_fault,
            'Correct the row in tblproduct; it is synced by that write.', p_run
        );
        update public.tblproduct as flat
        set syncstatus = 'rejected'
        where flat.productid = p_key
            and flat.syncstatus is distinct from 'rejected';
        return 'rejected';
    end if;
    -- Deleted and read by one statement: a batch may just be keeping more. Kept content belongs to the leaf
    -- where that is known, else to the flat key that had it last.
    v_leaf := coalesce(r_flat.configid, tandem_products._kept_for(p_key::text));
    delete from tandem_products.kept as kept where kept.leaf_id = v_leaf returning kept.* into r_kept;
    v_leaf := coalesce(r_flat.configid, r_kept.leaf_id, tandem.new_id());
    select * into r_place from tandem_products._place(
        r_flat.productname,
        case when tandem.is_blank(r_flat.version) then '1' else r_flat.version end,
        case when tandem.is_blank(r_flat.catalogname) then 'default' else r_flat.catalogname end,
        array[r_flat.baseproductid, r_flat.versionid, r_flat.catalogid]
    );
    -- the link first: whoever sees the leaf finds its flat row
    update public.tblproduct as flat
    set syncstatus = 'active', configid = v_leaf,
        baseproductid = r_place.base_id,
        versionid = r_place.version_id,
        catalogid = r_place.catalog_id
    where flat.productid = p_key
        and (flat.syncstatus is distinct from 'active'
            or flat.configid is distinct from v_leaf
            or flat.baseproductid is distinct from r_place.base_id
            or flat.versionid is distinct from r_place.version_id
            or flat.catalogid is distinct from r_place.catalog_id
        );
    v_written := found;
    if r_kept.leaf is not null or r_kept.remains is not null then
        -- what the flat table cannot hold comes back
        v_written := true;
        perform tandem_products._give_back(r_kept, v_leaf, r_place.catalog_id, pg_catalog.jsonb_build_object('name', (r_flat.configname)::text, 'sku', (r_flat.sku)::text, 'attributes', (r_flat.configdata)::text, 'status', (r_flat.status)::text), p_run, p_careful);
        -- where its coming back was written to the flat row, that was the older value
        update public.tblproduct as flat
        set productname = r_flat.productname, version = r_flat.version, catalogname = r_flat.catalogname, configname = r_flat.configname, sku = r_flat.sku, configdata = r_flat.configdata, status = r_flat.status, amount = r_flat.amount, currency = r_flat.currency
        where flat.productid = p_key
            and (flat.productname is distinct from r_flat.productname
                or flat.version is distinct from r_flat.version
                or flat.catalogname is distinct from r_flat.catalogname
                or flat.configname is distinct from r_flat.configname
                or flat.sku is distinct from r_flat.sku
                or flat.configdata is distinct from r_flat.configdata
                or flat.status is distinct from r_flat.status
                or flat.amount is distinct from r_flat.amount
                or flat.currency is distinct from r_flat.currency);
    end if;
    insert into public.tblconfig (
        configid, catalogid, name, sku, attributes, status
    )
    values (
        v_leaf, r_place.catalog_id, r_flat.configname, r_flat.sku, r_flat.configdata, r_flat.status
    )
    on conflict (configid) do nothing;
    if found then
        v_written := true;
    else
        update public.tblconfig as config
        set catalogid = r_place.catalog_id,
            name = case when not ((r_flat.configname) is not distinct from config.name)
                then r_flat.configname else config.name end,
            sku = case when not ((r_flat.sku) is not distinct from config.sku)
                then r_flat.sku else config.sku end,
            attributes = case when not ((r_flat.configdata) is not distinct from config.attributes)
                then r_flat.configdata else config.attributes end,
            status = case when not ((r_flat.status) is not distinct from config.status)
                then r_flat.status else config.status end
        where config.configid = v_leaf
            and (config.catalogid is distinct from r_place.catalog_id
                or not ((r_flat.configname) is not distinct from config.name)
                or not ((r_flat.sku) is not distinct from config.sku)
                or not ((r_flat.configdata) is not distinct from config.attributes)
                or not ((r_flat.status) is not distinct from config.status)
            );
        v_written := v_written or found;
    end if;
    v_written := p_keep is not null and tandem_products._push_price(v_leaf, p_keep[1:2]) or v_written;
    if v_was = 'rejected' then
        perform tandem._resolve('products', p_key::text, 'written correctly');
    end if;
    if p_depth = 0 then
        -- a BEFORE trigger of the application may have stored something else: written back once
        if tandem_products._pull(v_leaf, 1) = 'gone' or tandem_products._differs(v_leaf) then
            perform tandem._suppressed('products', 'tblconfig', v_leaf::text);
        end if;
    end if;
    return case when v_written then 'written' else 'unchanged' end;
end
$_push$;

comment on function tandem_products._push(bigint, bigint, integer, boolean, boolean[]) is
'Makes the hierarchy say what one flat row says. p_keep: columns of dated rows, in the mapping''s order, '
'that the write is about; NULL leaves dated rows alone. Returns written, unchanged, rejected or gone.';

-- procedures/sync/_push_satellite.sql
-- Flat to hierarchy: appends the dated row that makes the flat row's value the one in force. The
-- leaf's row lock puts writers of both sides in a line; what is read, is read after it. p_keep marks
-- columns, in the mapping's order, that the write is about: a row that is due says the others.
create or replace function tandem_products._push_price(p_leaf uuid, p_keep boolean[] default '{}') returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_push_price$
#variable_conflict use_variable
declare
    v_now timestamptz;
    r_flat record;
    r_row record;
begin
    perform from public.tblconfig as config
    where config.configid = p_leaf
    for no key update;
    if not found then
        return false;
    end if;
    if exists (
        select from tandem_products.due as due
        where due.leaf_id = p_leaf and due.effective <= pg_catalog.clock_timestamp()
    ) and not exists (
        select from tandem.mapping as t where t.name = 'products' and t.phase = 'prepared'
    ) then
        -- a scheduled value is not undone by a write that is not about it
        perform tandem_products._pull_price(p_leaf, p_keep);
    end if;
    v_now := pg_catalog.clock_timestamp();
    select flat.amount, flat.currency
    into r_flat
    from public.tblproduct as flat
    where flat.configid = p_leaf;
    if not found then
        return false;
    end if;
    select s.priceid as row_id, s.xmin as row_xmin, s.effectivefrom as effective, s.amount, s.currency
    into r_row
    from public.tblconfigprice as s
    where s.configid = p_leaf and s.effectivefrom <= v_now
    order by s.effectivefrom desc
    limit 1;
    if not found then
        if r_flat.amount is null then
            return false;
        end if;
    elsif not (not ((r_flat.amount) is not distinct from r_row.amount)
        or (r_row.amount is not null and not ((r_flat.currency) is not distinct from r_row.currency))
    ) then
        return false;
    elsif r_row.effective >= pg_catalog.transaction_timestamp()
        and tandem._my_transaction(r_row.row_xmin) then
        -- a second change in one transaction replaces the first
        update public.tblconfigprice as s
        set amount = r_flat.amount, currency = r_flat.currency
        where s.priceid = r_row.row_id
        returning s.amount, s.currency into r_row;
        if not found then
            perform tandem._suppressed('products', 'tblconfigprice', p_leaf::text);
        end if;
        if not ((r_flat.amount) is not distinct from r_row.amount) or not ((r_flat.currency) is not distinct from r_row.currency) then
            perform tandem_products._pull_price(p_leaf);
        end if;
        return true;
    else
        v_now := greatest(v_now, r_row.effective + interval '1 microsecond');
    end if;
    insert into public.tblconfigprice as s (
        priceid, configid, effectivefrom, amount, currency
    )
    values (
        tandem.new_id(), p_leaf, v_now, r_flat.amount, r_flat.currency
    )
    returning s.amount, s.currency, s.effectivefrom as effective into r_row;
    if not found then
        perform tandem._suppressed('products', 'tblconfigprice', p_leaf::text);
    end if;
    if r_row.effective > pg_catalog.clock_timestamp() then
        insert into tandem_products.due (satellite, leaf_id, effective)
        values ('price', p_leaf, r_row.effective)
        on conflict do nothing;
    end if;
    if r_row.effective <> v_now or not ((r_flat.amount) is not distinct from r_row.amount) or not ((r_flat.currency) is not distinct from r_row.currency) then
        -- a BEFORE trigger of the application stored something else: the truth now
        perform tandem_products._pull_price(p_leaf);
    end if;
    return true;
end
$_push_price$;

comment on function tandem_products._push_price(uuid, boolean[]) is
'Makes the flat row''s value the one in force of its leaf; true where that took a write.';

-- procedures/sync/_rename_unmigrated.sql
-- While a migration runs, flat rows that are not migrated yet know their parents by name alone, and so
-- do those that an old program has moved while nothing was synced. A rename or move at level p_level
-- (0 is the top) reaches those that named the row as it was (p_old: its key and parent), or their
-- batch would make a parent of the old name. They are linked to the row as well: of two parents that
-- swap names in one statement each keeps its own rows.
create or replace function tandem_products._rename_unmigrated(p_level integer, p_id uuid, p_old jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_rename_unmigrated$
#variable_conflict use_variable
declare
    v_chain uuid[];
    v_seen uuid[];
    v_marks text[];
    -- each level as it is now (r_) and as it was (r_old_)
    r_base public.tblbaseproduct;
    r_old_base public.tblbaseproduct;
    r_version public.tblproductversion;
    r_old_version public.tblproductversion;
    r_catalog public.tblcatalog;
    r_old_catalog public.tblcatalog;
begin
    -- The levels above are locked top down, and read again under the locks: a rename of theirs that is
    -- not committed yet would change the names to look for.
    for v_try in 1 .. 100 loop
        v_seen := v_chain;
        if p_level = 2 then
            select * into r_catalog from public.tblcatalog as one where one.catalogid = p_id;
            r_old_catalog := pg_catalog.jsonb_populate_record(r_catalog, p_old);
        end if;
        if p_level = 1 then
            select * into r_version from public.tblproductversion as one where one.versionid = p_id;
            r_old_version := pg_catalog.jsonb_populate_record(r_version, p_old);
        elsif p_level > 1 then
            select * into r_version from public.tblproductversion as one
            where one.versionid = r_catalog.versionid;
            select * into r_old_version from public.tblproductversion as one
            where one.versionid = r_old_catalog.versionid;
        end if;
        if p_level = 0 then
            select * into r_base from public.tblbaseproduct as one where one.baseproductid = p_id;
            r_old_base := pg_catalog.jsonb_populate_record(r_base, p_old);
        elsif p_level > 0 then
            select * into r_base from public.tblbaseproduct as one
            where one.baseproductid = r_version.baseproductid;
            select * into r_old_base from public.tblbaseproduct as one
            where one.baseproductid = r_old_version.baseproductid;
        end if;
        v_chain := array[r_base.baseproductid, r_old_base.baseproductid, r_version.versionid, r_old_version.versionid, r_catalog.catalogid, r_old_catalog.catalogid];
        exit when v_chain is not distinct from v_seen;
        perform from public.tblbaseproduct as one
        where p_level > 0 and one.baseproductid in (r_base.baseproductid, r_old_base.baseproductid)
        order by one.baseproductid
        for key share;
        perform from public.tblproductversion as one
        where p_level > 1 and one.versionid in (r_version.versionid, r_old_version.versionid)
        order by one.versionid
        for key share;
    end loop;
    if r_old_base.baseproductid is null then
        return;  -- it hung below no parent: no flat row named it
    end if;
    -- Written by one command, whose triggers have not all run: a name above may be new or old.
    v_marks := array[
        (select one.xmin || ' ' || one.cmin from public.tblbaseproduct as one where one.baseproductid = r_old_base.baseproductid),
        (select one.xmin || ' ' || one.cmin from public.tblproductversion as one where one.versionid = r_old_version.versionid),
        (select one.xmin || ' ' || one.cmin from public.tblcatalog as one where one.catalogid = r_old_catalog.catalogid)
    ];
    if v_marks[p_level + 1] = any (v_marks[: p_level]) then
        perform tandem._note_error('products', 45);
        raise exception 'a row and one above it were renamed or moved by one statement'
        using errcode = 'TD045',
            detail = pg_catalog.format(
                'Row %s. While the migration runs, rows of tblproduct that are not migrated '
                'yet are found by names, which change level by level.', p_id),
            hint = 'Change one level in a statement, or wait until the phase is migrated.';
    end if;
    update public.tblproduct as flat
    set
        productname = case when p_level >= 0 and not ((flat.productname) is not distinct from r_base.name)
            then r_base.name else flat.productname end,
        baseproductid = case when p_level >= 0
            then r_base.baseproductid else flat.baseproductid end,
        version = case when p_level >= 1 and not (((case when tandem.is_blank(flat.version) then '1' else flat.version end) is not distinct from r_version.version or flat.version is not distinct from r_version.version))
            then r_version.version else flat.version end,
        versionid = case when p_level >= 1
            then r_version.versionid else flat.versionid end,
        catalogname = case when p_level >= 2 and not (((case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end) is not distinct from r_catalog.name or flat.catalogname is not distinct from r_catalog.name))
            then r_catalog.name else flat.catalogname end,
        catalogid = case when p_level >= 2
            then r_catalog.catalogid else flat.catalogid end,
        updatedat = pg_catalog.clock_timestamp()
    where flat.syncstatus = 'active'
        and (p_level < 0 or (
            (flat.productname) is not distinct from r_old_base.name and
            (p_level > 0 or not exists (
                select
                from public.tblbaseproduct as base
                where base.baseproductid = flat.baseproductid
                    and base.baseproductid <> r_old_base.baseproductid
                    and tandem._my_transaction(flat.xmin)
                    and (flat.productname) is not distinct from base.name
            ))
        ))
        and (p_level < 1 or (
            ((case when tandem.is_blank(flat.version) then '1' else flat.version end) is not distinct from r_old_version.version or flat.version is not distinct from r_old_version.version) and
            (not tandem.is_blank(flat.version) or r_old_version.version = '1') and
            (p_level > 1 or not exists (
                select
                from public.tblproductversion as version
                join public.tblbaseproduct as base on base.baseproductid = version.baseproductid
                where version.versionid = flat.versionid
                    and version.versionid <> r_old_version.versionid
                    and tandem._my_transaction(flat.xmin)
                    and (flat.productname) is not distinct from base.name
                    and ((case when tandem.is_blank(flat.version) then '1' else flat.version end) is not distinct from version.version or flat.version is not distinct from version.version)
            ))
        ))
        and (p_level < 2 or (
            ((case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end) is not distinct from r_old_catalog.name or flat.catalogname is not distinct from r_old_catalog.name) and
            (not tandem.is_blank(flat.catalogname) or r_old_catalog.name = 'default') and
            (p_level > 2 or not exists (
                select
                from public.tblcatalog as catalog
                join public.tblproductversion as version on version.versionid = catalog.versionid
                join public.tblbaseproduct as base on base.baseproductid = version.baseproductid
                where catalog.catalogid = flat.catalogid
                    and catalog.catalogid <> r_old_catalog.catalogid
                    and tandem._my_transaction(flat.xmin)
                    and (flat.productname) is not distinct from base.name
                    and ((case when tandem.is_blank(flat.version) then '1' else flat.version end) is not distinct from version.version or flat.version is not distinct from version.version)
                    and ((case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end) is not distinct from catalog.name or flat.catalogname is not distinct from catalog.name)
            ))
        ))
    ;
end
$_rename_unmigrated$;

comment on function tandem_products._rename_unmigrated(integer, uuid, jsonb) is
'Gives flat rows that are found by name alone the new key values of a renamed or moved row of an upper level.';

-- procedures/sync/_settle.sql
-- After a leaf got its flat row and the two differ: first what the dated rows say, then, where a
-- trigger of the application stored something else, what the flat row says.
create or replace function tandem_products._settle(p_leaf uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_settle$
#variable_conflict use_variable
begin
    perform tandem_products._pull_price(p_leaf);
    if tandem_products._differs(p_leaf) then
        perform tandem_products._push(flat.productid, null, 1)
        from public.tblproduct as flat
        where flat.configid = p_leaf;
        if tandem_products._differs(p_leaf) then
            perform tandem._suppressed('products', 'tblproduct', p_leaf::text);
        end if;
    end if;
end
$_settle$;

comment on function tandem_products._settle(uuid) is
'Makes both sides of a new leaf equal where its flat row was stored with other values.';

-- procedures/sync/_settle_satellite.sql
-- Only what this event brought into force, or took out of it, reaches the flat row; and of the flat row
-- only the columns of dated rows: others may have changed in the same statement and be on their way.
create or replace function tandem_products._settle_price(
    p_leaf uuid, p_row uuid, p_was timestamptz, p_keep boolean[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_settle_price$
#variable_conflict use_variable
declare
    v_written boolean;
    r_row record;
begin
    -- Writers of one leaf's dated rows come one after the other: what is in force is read after it.
    perform from public.tblconfig as config
    where config.configid = p_leaf
    for no key update;
    if not found then
        return;
    end if;
    select s.priceid as row_id, s.effectivefrom as effective into r_row
    from public.tblconfigprice as s
    where s.configid = p_leaf and s.effectivefrom <= pg_catalog.clock_timestamp()
    order by s.effectivefrom desc
    limit 1;
    -- in force now, or before; what is for later says nothing about the flat row
    if r_row.row_id = p_row
        or p_was <= pg_catalog.clock_timestamp() and (not found or p_was >= r_row.effective) then
        v_written := tandem_products._pull_price(p_leaf, case
            when true = any (p_keep) and tandem_products._is_waiting(p_leaf) then p_keep else '{}' end);
        if tandem_products._differs_price(p_leaf) then
            -- a BEFORE trigger of the application stored something else: that is the truth now
            perform tandem_products._push_price(p_leaf);
            if tandem_products._differs_price(p_leaf) then
                perform tandem._suppressed('products', 'tblproduct', p_leaf::text);
            end if;
        end if;
    end if;
    if v_written is not true then
        -- A snapshot that does not know this event must not write what it takes to be in force: 40001.
        update public.tblproduct as flat
        set syncstatus = flat.syncstatus
        where flat.configid = p_leaf and flat.xmin <> pg_catalog.pg_current_xact_id()::xid;
    end if;
end
$_settle_price$;

comment on function tandem_products._settle_price(uuid, uuid, timestamptz, boolean[]) is
'Writes the value in force to the flat row where an event changed which that is. p_keep: columns, in '
'the mapping''s order, that it leaves alone where the flat row is newer.';

create or replace function tandem_products._differs_price(p_leaf uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_differs_price$
#variable_conflict use_variable
declare
    v_now timestamptz := pg_catalog.clock_timestamp();
begin
    return exists (
        select
        from public.tblconfig as config
        left join lateral (
            select s.priceid, s.amount, s.currency, s.effectivefrom
            from public.tblconfigprice as s
            where s.configid = config.configid
                and s.effectivefrom <= v_now
            order by s.effectivefrom desc
            limit 1
        ) as price on true
        join public.tblproduct as flat on flat.configid = config.configid
        where config.configid = p_leaf
            and flat.syncstatus is distinct from 'rejected'
            and (not ((flat.amount) is not distinct from price.amount)
                or (price.amount is not null and not ((flat.currency) is not distinct from price.currency)))
    );
end
$_differs_price$;

comment on function tandem_products._differs_price(uuid) is
'True where a flat row does not show the value in force and is not rejected.';

-- procedures/sync/upserts.sql
-- Upsert: a parent chain, ready for a first leaf.
create or replace function tandem_products.add_catalog(
    p_base text,
    p_version text,
    p_catalog text
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $add_catalog$
#variable_conflict use_variable
begin
    if tandem.is_blank(p_base::text) then
        raise exception 'p_base is missing'
        using errcode = 'null_value_not_allowed', detail = 'It is part of a key.', hint = 'Nothing was done.';
    end if;
    if tandem.is_blank(p_version::text) then
        p_version := '1';
    end if;
    if tandem.is_blank(p_catalog::text) then
        p_catalog := 'default';
    end if;
    return (
        select p.catalog_id
        from tandem_products._place(p_base, p_version, p_catalog, '{}') as p
    );
end
$add_catalog$;

comment on function tandem_products.add_catalog(text, text, text) is
'Upsert: the id of a catalog, found or created with all its parents by natural key. Writers may call it.';

-- Upsert: a leaf. The parent's row lock puts two callers in a line, so that they cannot both insert.
create or replace function tandem_products.add_configuration(
    p_catalogid uuid,
    p_configid uuid default null,
    p_name text default null,
    p_sku text default null,
    p_attributes jsonb default null,
    p_status varchar(20) default null,
    p_notes text default null
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $add_configuration$
#variable_conflict use_variable
declare
    v_leaf uuid;
    v_count bigint := 0;
begin
    perform from public.tblcatalog as catalog
    where catalog.catalogid = p_catalogid
    for no key update;
    if not found then
        raise exception 'there is no catalog %', p_catalogid
        using errcode = 'TD050', detail = 'A config needs its parent first.',
            hint = 'Create it with tandem_products.add_catalog(...).';
    end if;
    if p_configid is not null then
        select config.configid into v_leaf
        from public.tblconfig as config
        where config.configid = p_configid;
    elsif p_sku is not null then
        select pg_catalog.count(*), (pg_catalog.array_agg(config.configid))[1] into v_count, v_leaf
        from public.tblconfig as config
        where config.catalogid = p_catalogid
            and config.sku = p_sku;
    elsif p_name is not null then
        select pg_catalog.count(*), (pg_catalog.array_agg(config.configid))[1] into v_count, v_leaf
        from public.tblconfig as config
        where config.catalogid = p_catalogid
            and config.name = p_name;
    end if;
    if v_count > 1 then
        raise exception '% rows of tblconfig match', v_count
        using errcode = 'TD051', detail = 'Which of them is meant cannot be known; nothing was changed.',
            hint = 'Call it with p_configid.';
    end if;
    if v_leaf is not null then
        update public.tblconfig as config
        set catalogid = p_catalogid,
            name = coalesce(p_name, config.name),
            sku = coalesce(p_sku, config.sku),
            attributes = coalesce(p_attributes, config.attributes),
            status = coalesce(p_status, config.status),
            notes = coalesce(p_notes, config.notes)
        where config.configid = v_leaf;
        return v_leaf;
    end if;
    insert into public.tblconfig as config (
        configid, catalogid, name, sku, attributes, status, notes
    )
    values (
        coalesce(p_configid, tandem.new_id()), p_catalogid, p_name, p_sku, p_attributes, p_status, p_notes
    )
    returning config.configid into v_leaf;
    return v_leaf;
end
$add_configuration$;

comment on function tandem_products.add_configuration(uuid, uuid, text, text, jsonb, varchar(20), text) is
'Upsert: the id of a config, matched by p_configid, else by p_sku, else by p_name, else inserted. '
'Arguments left NULL do not change what is there. The flat row follows. Writers may call it.';

-- Upsert: changes of a leaf.
create or replace function tandem_products.update_config(
    p_configid uuid,
    p_name text default null,
    p_sku text default null,
    p_attributes jsonb default null,
    p_status varchar(20) default null,
    p_notes text default null
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $update_config$
#variable_conflict use_variable
begin
    update public.tblconfig as config
    set name = coalesce(p_name, config.name),
        sku = coalesce(p_sku, config.sku),
        attributes = coalesce(p_attributes, config.attributes),
        status = coalesce(p_status, config.status),
        notes = coalesce(p_notes, config.notes)
    where config.configid = p_configid;
    if not found then
        raise exception 'there is no config %', p_configid
        using errcode = 'TD050', detail = 'Nothing was changed.', hint = 'See the id in tblconfig.';
    end if;
    return p_configid;
end
$update_config$;

comment on function tandem_products.update_config(uuid, text, text, jsonb, varchar(20), text) is
'Upsert: changes a config; arguments left NULL do not change what is there. The flat row follows. Writers may call it.';

-- Upsert: the status of a leaf.
create or replace function tandem_products.update_config_status(
    p_configid uuid, p_status text
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $update_config_status$
#variable_conflict use_variable
begin
    update public.tblconfig as config
    set status = p_status
    where config.configid = p_configid;
    if not found then
        raise exception 'there is no config %', p_configid
        using errcode = 'TD050', detail = 'Nothing was changed.', hint = 'See the id in tblconfig.';
    end if;
    return p_configid;
end
$update_config_status$;

comment on function tandem_products.update_config_status(uuid, text) is
'Upsert: sets the status of a config, NULL included. The flat row follows. Writers may call it.';

-- Upsert: a dated row of a leaf.
create or replace function tandem_products.add_price_of_config(
    p_configid uuid,
    p_amount numeric(14, 2) default null,
    p_currency char(3) default null,
    p_note text default null,
    p_effectivefrom timestamptz default null
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $add_price_of_config$
#variable_conflict use_variable
declare
    v_id uuid;
begin
    perform from public.tblconfig as config
    where config.configid = p_configid
    for no key update;
    if not found then
        raise exception 'there is no config %', p_configid
        using errcode = 'TD050', detail = 'Nothing was changed.', hint = 'See the id in tblconfig.';
    end if;
    update public.tblconfigprice as s
    set amount = coalesce(p_amount, s.amount),
        currency = coalesce(p_currency, s.currency),
        note = coalesce(p_note, s.note)
    where s.configid = p_configid
        and s.effectivefrom = p_effectivefrom
    returning s.priceid into v_id;
    if found then
        return v_id;
    end if;
    insert into public.tblconfigprice as s (
        priceid, configid, effectivefrom, amount, currency, note
    )
    values (
        tandem.new_id(), p_configid, coalesce(p_effectivefrom, pg_catalog.clock_timestamp()), p_amount, p_currency, p_note
    )
    returning s.priceid into v_id;
    return v_id;
end
$add_price_of_config$;

comment on function tandem_products.add_price_of_config(uuid, numeric(14, 2), char(3), text, timestamptz) is
'Upsert: a dated row of a config: changed where one has this very time, else added (now, where no time is given). The flat row follows. Writers may call it.';

-- triggers/sync/assign.sql
-- BEFORE INSERT on the flat table: only assigns. It writes nothing elsewhere, because the row may
-- still vanish (ON CONFLICT DO NOTHING). What the client sent in the sync columns is ignored.
create or replace function tandem_products.assign() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $assign$
#variable_conflict use_variable
declare
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_fault text;
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        return new;
    end if;
    v_fault := tandem_products._fault(
new.productname, new.version, new.catalogname, new.configname, new.sku, new.configdata, new.status, new.amount, new.currency
    );
    new.baseproductid := null;
    new.versionid := null;
    new.catalogid := null;
    new.configid := null;
    if v_fault is not null then
        new.syncstatus := 'rejected';
        return new;
    end if;
    new.syncstatus := 'active';
    new.configid := tandem_products._kept_for(new.productid::text);
    if new.configid is not null then
        -- The AFTER trigger brings back what was kept, the slow way: no parents are assigned here.
        return new;
    end if;
    new.configid := tandem.new_id();
    select base.baseproductid into new.baseproductid
    from public.tblbaseproduct as base
    where base.name = new.productname
    for key share;
    if not found then
        return new;
    end if;
    select version.versionid into new.versionid
    from public.tblproductversion as version
    where version.baseproductid = new.baseproductid
        and version.version = case when tandem.is_blank(new.version) then '1' else new.version end
    for key share;
    if not found then
        return new;
    end if;
    select catalog.catalogid into new.catalogid
    from public.tblcatalog as catalog
    where catalog.versionid = new.versionid
        and catalog.name = case when tandem.is_blank(new.catalogname) then 'default' else new.catalogname end
    for key share;
    return new;
end
$assign$;

comment on function tandem_products.assign() is
'Trigger function: gives a new flat row its ids, those of parents that exist; nothing is written.';

-- triggers/sync/flat_delete.sql
-- AFTER DELETE on the flat table: the configuration goes, and is kept as jsonb first.
create or replace function tandem_products.flat_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $flat_delete$
#variable_conflict use_variable
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_call bigint;
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        if pg_catalog.split_part(v_origin, ':', 5)::bigint = -1 or old.configid is not null and not exists (
            select from public.tblconfig as config
            where config.configid = old.configid
        ) then
            return null;
        end if;
    end if;
    v_call := tandem._mark(v_origin, 'products', 0);
    perform from tandem_products._f2h_calls;  -- counts, see tandem._calls
    if old.syncstatus is distinct from 'active' then
        perform tandem._resolve('products', old.productid::text, 'deleted');
    end if;
    if old.configid is not null then
        perform tandem_products._keep(old.configid, old.productid::text, 'deleted');
    else
        -- on the way forward and not linked yet: whoever takes over the key does not take over the leaf
        perform tandem_products._keep(kept.leaf_id, kept.flat_key, 'deleted')
        from tandem_products.kept as kept
        where kept.flat_key = old.productid::text and kept.reason <> 'deleted' and not exists (
            select from public.tblproduct as flat
            where flat.configid = kept.leaf_id
        );
    end if;
    v_call := tandem_products._f2h_leave(v_origin, v_started);
    return null;
end
$flat_delete$;

comment on function tandem_products.flat_delete() is
'Trigger function: a deleted flat row takes its configuration along, which is kept as jsonb.';

-- triggers/sync/flat_insert.sql
-- AFTER INSERT on the flat table. The row is read again: a trigger of the application may have
-- changed or deleted it since. All parents there and unchanged: one statement; else the slow way.
create or replace function tandem_products.flat_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $flat_insert$
#variable_conflict use_variable
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_call bigint;
    v_kept uuid;
    r_leaf record;
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        return null;
    end if;
    v_call := tandem._mark(v_origin, 'products', 0);
    perform from tandem_products._f2h_calls;  -- counts, see tandem._calls
    -- A DELETE of this key may have kept its leaf since the BEFORE trigger looked: the INSERT waited for
    -- it, or both are one statement. With that leaf's id the row takes the slow way below.
    v_kept := tandem_products._kept_for(new.productid::text);
    if v_kept is not null and not exists (
        select from tandem_products.kept as own where own.leaf_id = new.configid
    ) then
        update public.tblproduct as flat
        set configid = v_kept
        where flat.productid = new.productid
            and flat.configid = new.configid;
    end if;
    insert into public.tblconfig as config (
        configid, catalogid, name, sku, attributes, status
    )
    select
        flat.configid, flat.catalogid, flat.configname, flat.sku, flat.configdata, flat.status
    from public.tblproduct as flat
    join public.tblbaseproduct as base
        on base.baseproductid = flat.baseproductid
        and base.name = flat.productname
    join public.tblproductversion as version
        on version.versionid = flat.versionid
        and version.baseproductid = flat.baseproductid
        and version.version = case when tandem.is_blank(flat.version) then '1' else flat.version end
    join public.tblcatalog as catalog
        on catalog.catalogid = flat.catalogid
        and catalog.versionid = flat.versionid
        and catalog.name = case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end
    where flat.productid = new.productid
        and flat.configid = new.configid
        and flat.syncstatus = 'active'
    on conflict (configid) do nothing
    returning config.name, config.sku, config.attributes, config.status
    into r_leaf;
    if not found then
        perform tandem_products._push(new.productid);
    else
        if new.amount is not null then
            perform tandem_products._push_price(new.configid);
        end if;
        if not ((new.configname) is not distinct from r_leaf.name)
            or not ((new.sku) is not distinct from r_leaf.sku)
            or not ((new.configdata) is not distinct from r_leaf.attributes)
            or not ((new.status) is not distinct from r_leaf.status) then
            -- a BEFORE trigger of the application stored something else: that is the truth now
            perform tandem_products._pull(new.configid);
        end if;
    end if;
    v_call := tandem_products._f2h_leave(v_origin, v_started);
    return null;
end
$flat_insert$;

comment on function tandem_products.flat_insert() is
'Trigger function: a new flat row gets its configuration and its dated rows.';

-- triggers/sync/flat_truncate.sql
-- TRUNCATE of the flat table = DELETE of all its rows.
create or replace function tandem_products.flat_truncate() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $flat_truncate$
#variable_conflict use_variable
declare
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_token bigint;
    r_flat record;
begin
    perform tandem._in_read_committed('products', 'tblproduct can be truncated',
        'TRUNCATE takes rows that this transaction''s snapshot does not see; their other side would stay.');
    v_token := tandem._mark(v_origin, 'products', -1);
    -- Row by row, because each row's complement is kept by the one routine that knows how.
    for r_flat in
        select flat.productid::text as flat_key, flat.configid as leaf_id
        from public.tblproduct as flat
        where flat.configid is not null
    loop
        perform tandem_products._keep(r_flat.leaf_id, r_flat.flat_key, 'deleted');
    end loop;
    update tandem.rejected_row as r
    set resolved_at = pg_catalog.clock_timestamp(), resolution = 'deleted'
    where r.mapping = 'products' and r.side = 'flat' and r.resolved_at is null;
    if pg_catalog.split_part(v_origin, ':', 3) <> pg_catalog.currval('tandem.origin')::text then
        v_token := tandem._new_token();
    end if;
    v_origin := pg_catalog.set_config('tandem.origin', v_origin, true);
    return null;
end
$flat_truncate$;

comment on function tandem_products.flat_truncate() is
'Trigger function: TRUNCATE of the flat table does what a DELETE of all its rows does.';

-- triggers/sync/flat_update.sql
-- AFTER UPDATE on the flat table. Only columns that the statement changed are propagated, only
-- where the other side differs, and with the value that the row has now.
create or replace function tandem_products.flat_update() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $flat_update$
#variable_conflict use_variable
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_call bigint;
    v_news bigint;
    v_pull boolean := false;
    v_whole boolean := false;
    v_kept uuid;
    v_changed_1 boolean;  -- configname
    v_changed_2 boolean;  -- sku
    v_changed_3 boolean;  -- configdata
    v_changed_4 boolean;  -- status
    r_leaf record;
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        v_news := (case when old.productname is distinct from new.productname then 2 else 0 end + case when old.version is distinct from new.version then 4 else 0 end
            + case when old.catalogname is distinct from new.catalogname then 8 else 0 end + case when old.configname is distinct from new.configname then 16 else 0 end
            + case when old.sku is distinct from new.sku then 32 else 0 end + case when old.configdata is distinct from new.configdata then 64 else 0 end
            + case when old.status is distinct from new.status then 128 else 0 end + case when old.amount is distinct from new.amount then 256 else 0 end
            + case when old.currency is distinct from new.currency then 512 else 0 end)
            & ~pg_catalog.split_part(v_origin, ':', 5)::bigint;
        if v_news = 0 then
            return null;
        end if;
    end if;
    v_changed_1 := old.configname is distinct from new.configname;
    v_changed_2 := old.sku is distinct from new.sku;
    v_changed_3 := old.configdata is distinct from new.configdata;
    v_changed_4 := old.status is distinct from new.status;
    if v_news is not null then
        v_changed_1 := v_news & 16 <> 0;
        v_changed_2 := v_news & 32 <> 0;
        v_changed_3 := v_news & 64 <> 0;
        v_changed_4 := v_news & 128 <> 0;
    end if;
    if not (old.productid is distinct from new.productid
        or old.productname is distinct from new.productname
        or old.version is distinct from new.version
        or old.catalogname is distinct from new.catalogname
        or v_changed_1
        or v_changed_2
        or v_changed_3
        or v_changed_4
        or old.amount is distinct from new.amount
        or old.currency is distinct from new.currency) then
        return null;
    end if;
    v_call := tandem._mark(v_origin, 'products', 768 + case when v_changed_1 then 16 else 0 end + case when v_changed_2 then 32 else 0 end
            + case when v_changed_3 then 64 else 0 end + case when v_changed_4 then 128 else 0 end
            + case when not (v_changed_1 or v_changed_2 or v_changed_3 or v_changed_4) then 1 else 0 end);
    perform from tandem_products._f2h_calls;  -- counts, see tandem._calls
    if old.productid is distinct from new.productid then
        if old.configid is null then
            v_kept := tandem_products._kept_for(old.productid::text);
            -- rejected, or on the way forward and not linked yet: what it would get goes along, and comes first
            update tandem_products.kept as kept
            set flat_key = new.productid::text, kept_at = v_started,
                reason = case kept.reason when 'deleted' then 'rollback' else kept.reason end
            where kept.leaf_id = v_kept;
        end if;
        -- Identity follows the row. The notes of rejected rows do so by what the table holds now:
        -- keys may have been swapped.
        if not exists (
            select from public.tblproduct as flat
            where flat.productid = old.productid and flat.syncstatus = 'rejected'
        ) then
            perform tandem._resolve('products', old.productid::text, 'key changed');
        end if;
        -- the run's batches may have passed the new key
        v_whole := not exists (select from tandem.mapping as t where t.name = 'products' and t.phase = 'migrated');
    end if;
    -- A due row comes into force first; what this statement changed is newer. While the sync is being switched
    -- on the flat table has the say.
    if exists (
        select from tandem_products.due as due
        where due.leaf_id = new.configid and due.effective <= pg_catalog.clock_timestamp()
    ) and not exists (
        select from tandem.mapping as t where t.name = 'products' and t.phase = 'prepared'
    ) then
        perform tandem_products._pull_price(new.configid, array[old.amount is distinct from new.amount, old.currency is distinct from new.currency]);
    end if;
    if v_news is not null and new.syncstatus is distinct from 'active' then
        null;  -- waits: its batch, or who corrects it, takes it as it is then
    elsif v_whole or new.configid is null or new.syncstatus is distinct from 'active'
        or tandem_products._fault(
new.productname, new.version, new.catalogname, new.configname, new.sku, new.configdata, new.status, new.amount, new.currency
        ) is not null
    then
        -- not migrated yet, rejected, or perhaps out of the batches' reach
        perform tandem_products._push(new.productid, p_keep => array[old.amount is distinct from new.amount, old.currency is distinct from new.currency]);
    else
        if old.productname is distinct from new.productname
            or old.version is distinct from new.version
            or old.catalogname is distinct from new.catalogname then
            if v_news is null or v_news & 14 <> 0 then
                perform tandem_products._move(new.productid);
            end if;
        end if;
        -- dated rows first: the echo of the leaf's write then finds nothing that differs
        if old.amount is distinct from new.amount or old.currency is distinct from new.currency then
            if v_news is null or v_news & 768 <> 0 then
                perform tandem_products._push_price(new.configid, array[old.amount is distinct from new.amount, old.currency is distinct from new.currency]);
            end if;
        end if;
        if v_changed_1 or v_changed_2 or v_changed_3 or v_changed_4 then
            update public.tblconfig as config
            set
                name = case when v_changed_1 and not ((flat.configname) is not distinct from config.name)
                    then flat.configname else config.name end,
                sku = case when v_changed_2 and not ((flat.sku) is not distinct from config.sku)
                    then flat.sku else config.sku end,
                attributes = case when v_changed_3 and not ((flat.configdata) is not distinct from config.attributes)
                    then flat.configdata else config.attributes end,
                status = case when v_changed_4 and not ((flat.status) is not distinct from config.status)
                    then flat.status else config.status end
            from public.tblproduct as flat
            where flat.configid = new.configid
                and config.configid = new.configid
                and ((v_changed_1 and not ((flat.configname) is not distinct from config.name))
                    or (v_changed_2 and not ((flat.sku) is not distinct from config.sku))
                    or (v_changed_3 and not ((flat.configdata) is not distinct from config.attributes))
                    or (v_changed_4 and not ((flat.status) is not distinct from config.status)))
            returning config.name, config.sku, config.attributes, config.status
            into r_leaf;
            if found then
                v_pull := (v_changed_1 and not ((new.configname) is not distinct from r_leaf.name))
                    or (v_changed_2 and not ((new.sku) is not distinct from r_leaf.sku))
                    or (v_changed_3 and not ((new.configdata) is not distinct from r_leaf.attributes))
                    or (v_changed_4 and not ((new.status) is not distinct from r_leaf.status));
            elsif not exists (
                select from public.tblconfig as config
                where config.configid = new.configid
            ) then
                perform tandem_products._push(new.productid);
            else
                v_pull := exists (
                    select from public.tblconfig as config
                    where config.configid = new.configid
                        and (v_changed_1 and not ((new.configname) is not distinct from config.name)
                            or v_changed_2 and not ((new.sku) is not distinct from config.sku)
                            or v_changed_3 and not ((new.configdata) is not distinct from config.attributes)
                            or v_changed_4 and not ((new.status) is not distinct from config.status))
                );
            end if;
        end if;
        if v_pull then
            -- A BEFORE trigger of the application stored something else, or nothing: the truth now. Not of
            -- columns that wait for their batch.
            if exists (select from tandem.mapping as t where t.name = 'products' and t.phase = 'migrated') then
                perform tandem_products._pull(new.configid);
            elsif v_news is null then
                perform tandem_products._push(new.productid);
            end if;
        end if;
    end if;
    v_call := tandem_products._f2h_leave(v_origin, v_started);
    return null;
end
$flat_update$;

comment on function tandem_products.flat_update() is
'Trigger function: what changed in a flat row changes in the hierarchy, and nothing else.';

-- triggers/sync/guard.sql
-- BEFORE UPDATE on the flat table: the sync columns are tandem's. What a client writes there is
-- ignored, as an ORM may send back all columns of a row that it read long ago.
create or replace function tandem_products.guard() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $guard$
#variable_conflict use_variable
begin
    new.syncstatus := old.syncstatus;
    new.baseproductid := old.baseproductid;
    new.versionid := old.versionid;
    new.catalogid := old.catalogid;
    new.configid := old.configid;
    return new;
end
$guard$;

comment on function tandem_products.guard() is
'Trigger function: what a client writes into the sync columns is ignored.';

-- triggers/sync/hierarchy_truncate.sql
create or replace function tandem_products.hierarchy_truncate() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $hierarchy_truncate$
#variable_conflict use_variable
begin
    perform tandem._refuse_truncate('products', tg_table_name);
    return null;
end
$hierarchy_truncate$;

comment on function tandem_products.hierarchy_truncate() is
'Trigger function: refuses TRUNCATE of a table of the hierarchy (TD042).';

-- triggers/sync/inside.sql
create or replace function tandem_products.inside() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $inside$
#variable_conflict use_variable
declare
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_token bigint;
begin
    v_token := tandem._mark(v_origin, 'products', -1);
    new.result := case new.verb
        when 'migrate' then tandem_products._migrate_batch(new.run_id, new.batch_rows, new.failure)
        when 'link' then tandem._link_batch('products', new.run_id, new.batch_rows)
        when 'restore' then tandem._restore_batch('products', new.run_id, new.batch_rows)
        when 'orphans' then tandem._drop_orphans('products', new.run_id, new.batch_rows, new.failure)
        when 'repair' then tandem._repair_batch('products', new.run_id, new.batch_rows, new.failure)
        when 'rollback' then tandem._rollback_batch('products', new.run_id, new.batch_rows)
        when 'retry_rejected' then tandem._retry_batch('products', new.run_id, new.batch_rows, new.failure)
        when 'apply_due' then tandem._apply_due_batch('products', new.run_id, new.batch_rows, new.failure)
    end;
    if pg_catalog.split_part(v_origin, ':', 3) <> pg_catalog.currval('tandem.origin')::text then
        v_token := tandem._new_token();
    end if;
    v_origin := pg_catalog.set_config('tandem.origin', v_origin, true);
    return new;
end
$inside$;

comment on function tandem_products.inside() is
'Trigger function: runs a batch at trigger depth 1 and returns its result in NEW.result.';

create or replace trigger tandem_50_inside instead of insert on tandem_products.inside
for each row execute function tandem_products.inside();

-- triggers/sync/leaf_delete.sql
create or replace function tandem_products.leaf_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $leaf_delete$
#variable_conflict use_variable
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_call bigint;
    v_key text;
    v_status text;
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        if pg_catalog.split_part(v_origin, ':', 5)::bigint = -1 or old.configid is not null and not exists (
            select from public.tblproduct as flat
            where flat.configid = old.configid
        ) then
            return null;
        end if;
    end if;
    v_call := tandem._mark(v_origin, 'products', 0);
    perform from tandem_products._h2f_calls;  -- counts, see tandem._calls
    delete from public.tblproduct as flat
    where flat.configid = old.configid
        and not exists (
            select from public.tblconfig as config
            where config.configid = old.configid
        )
    returning flat.productid::text, flat.syncstatus into v_key, v_status;
    if not found and exists (
        select from public.tblproduct as flat
        where flat.configid = old.configid
    ) and not exists (
        select from public.tblconfig as config
        where config.configid = old.configid
    ) then
        perform tandem._suppressed('products', 'tblproduct', old.configid::text);
    end if;
    if v_status <> 'active' then
        perform tandem._resolve('products', v_key, 'deleted');
    end if;
    -- a note of a rollback that did not go on, or what could not come back of this leaf
    delete from tandem_products.kept as kept where kept.leaf_id = old.configid and kept.leaf is null;
    if found then
        perform tandem._resolve('products', old.configid::text, 'deleted', 'hierarchy');
    end if;
    delete from tandem_products.due as due where due.leaf_id = old.configid;
    v_call := tandem_products._h2f_leave(v_origin, v_started);
    return null;
end
$leaf_delete$;

comment on function tandem_products.leaf_delete() is
'Trigger function: a deleted leaf takes its flat row along.';

-- triggers/sync/leaf_insert.sql
-- AFTER INSERT on the leaf table: the flat row that old programs see, from the first moment on.
create or replace function tandem_products.leaf_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $leaf_insert$
#variable_conflict use_variable
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_call bigint;
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        return null;
    end if;
    v_call := tandem._mark(v_origin, 'products', 0);
    perform from tandem_products._h2f_calls;  -- counts, see tandem._calls

    perform tandem_products._add_flat(new.configid);
    v_call := tandem_products._h2f_leave(v_origin, v_started);
    return null;
end
$leaf_insert$;

comment on function tandem_products.leaf_insert() is
'Trigger function: a new leaf gets its flat row.';

-- triggers/sync/leaf_update.sql
-- AFTER UPDATE on the leaf table: the changed columns, where the flat row differs.
create or replace function tandem_products.leaf_update() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $leaf_update$
#variable_conflict use_variable
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_call bigint;
    v_news bigint;
    v_found boolean;
    v_changed_1 boolean;  -- name
    v_changed_2 boolean;  -- sku
    v_changed_3 boolean;  -- attributes
    v_changed_4 boolean;  -- status
    r_flat record;
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        v_news := (case when old.catalogid is distinct from new.catalogid then 1 else 0 end + case when old.name is distinct from new.name then 16 else 0 end
            + case when old.sku is distinct from new.sku then 32 else 0 end + case when old.attributes is distinct from new.attributes then 64 else 0 end
            + case when old.status is distinct from new.status then 128 else 0 end)
            & ~pg_catalog.split_part(v_origin, ':', 5)::bigint;
        if v_news = 0 then
            return null;
        end if;
    end if;
    v_changed_1 := old.name is distinct from new.name;
    v_changed_2 := old.sku is distinct from new.sku;
    v_changed_3 := old.attributes is distinct from new.attributes;
    v_changed_4 := old.status is distinct from new.status;
    if v_news is not null then
        v_changed_1 := v_news & 16 <> 0;
        v_changed_2 := v_news & 32 <> 0;
        v_changed_3 := v_news & 64 <> 0;
        v_changed_4 := v_news & 128 <> 0;
    end if;
    if not (old.configid is distinct from new.configid or old.catalogid is distinct from new.catalogid or v_changed_1 or v_changed_2 or v_changed_3 or v_changed_4) then
        return null;
    end if;
    v_call := tandem._mark(v_origin, 'products', 768 + case when v_changed_1 then 16 else 0 end + case when v_changed_2 then 32 else 0 end
            + case when v_changed_3 then 64 else 0 end + case when v_changed_4 then 128 else 0 end
            + case when old.catalogid is distinct from new.catalogid then 14 else 0 end);
    perform from tandem_products._h2f_calls;  -- counts, see tandem._calls

    -- A due row comes into force with any write of its leaf; not where this transaction has written the
    -- flat row, whose new value may still be on its way, and not while the flat table has the say.
    if exists (
        select from tandem_products.due as due
        where due.leaf_id = new.configid and due.effective <= pg_catalog.clock_timestamp()
    ) and not exists (
        select from tandem.mapping as t where t.name = 'products' and t.phase = 'prepared'
    ) and not exists (
        select from public.tblproduct as flat
        where flat.configid = new.configid and tandem._my_transaction(flat.xmin)
    ) then
        perform tandem_products._pull_price(new.configid);
    end if;
    if old.configid is distinct from new.configid then
        -- identity follows the row
        update public.tblproduct as flat
        set configid = new.configid
        where flat.configid = old.configid;
        update tandem_products.kept as kept set leaf_id = new.configid where kept.leaf_id = old.configid and kept.reason <> 'deleted';
    end if;
    if old.catalogid is distinct from new.catalogid and (v_news is null or v_news & 1 <> 0) then
        -- a level above both parents may have a name that the flat table never learned
        perform tandem_products._pull(new.configid, 0, 'levels', case when not exists (
            select from tandem.mapping as t where t.name = 'products' and t.phase = 'migrated'
        ) then old.catalogid end);
    end if;
    if v_changed_1 or v_changed_2 or v_changed_3 or v_changed_4 then
        update public.tblproduct as flat
        set
            configname = case when v_changed_1 and not ((flat.configname) is not distinct from config.name)
                then config.name else flat.configname end,
            sku = case when v_changed_2 and not ((flat.sku) is not distinct from config.sku)
                then config.sku else flat.sku end,
            configdata = case when v_changed_3 and not ((flat.configdata) is not distinct from config.attributes)
                then config.attributes else flat.configdata end,
            status = case when v_changed_4 and not ((flat.status) is not distinct from config.status)
                then config.status else flat.status end,
            updatedat = pg_catalog.clock_timestamp()
        from public.tblconfig as config
        where config.configid = new.configid
            and flat.configid = new.configid
            and ((v_changed_1 and not ((flat.configname) is not distinct from config.name))
                or (v_changed_2 and not ((flat.sku) is not distinct from config.sku))
                or (v_changed_3 and not ((flat.configdata) is not distinct from config.attributes))
                or (v_changed_4 and not ((flat.status) is not distinct from config.status)))
        returning flat.* into r_flat;
        v_found := found;
        if v_found and (r_flat.syncstatus = 'rejected'
            or (v_changed_1 and not ((r_flat.configname) is not distinct from new.name))
            or (v_changed_2 and not ((r_flat.sku) is not distinct from new.sku))
            or (v_changed_3 and not ((r_flat.configdata) is not distinct from new.attributes))
            or (v_changed_4 and not ((r_flat.status) is not distinct from new.status))
        ) then
            -- without its dated rows, if the row is in order: theirs may be on their way in this statement
            perform tandem_products._push(r_flat.productid, null, 1, false,
                case when r_flat.syncstatus = 'rejected' then '{}'::boolean[] end);
        elsif not v_found and tandem._has_own_triggers('products') then
            -- a BEFORE trigger of the application suppressed that: the flat row is the truth
            perform tandem_products._push(flat.productid, null, 1, false, null)
            from public.tblproduct as flat
            join public.tblconfig as config on config.configid = flat.configid
            where flat.configid = new.configid and flat.syncstatus is distinct from 'rejected'
                and (v_changed_1 and not ((flat.configname) is not distinct from config.name)
                    or v_changed_2 and not ((flat.sku) is not distinct from config.sku)
                    or v_changed_3 and not ((flat.configdata) is not distinct from config.attributes)
                    or v_changed_4 and not ((flat.status) is not distinct from config.status));
        end if;
    end if;
    v_call := tandem_products._h2f_leave(v_origin, v_started);
    return null;
end
$leaf_update$;

comment on function tandem_products.leaf_update() is
'Trigger function: what changed in a leaf changes in its flat row, and nothing else.';

-- triggers/sync/log.sql
-- The log of sync operations; the trigger is disabled until tandem.set_sync(mapping, 'log', true).
create or replace function tandem_products.log() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $log$
#variable_conflict use_variable
declare
    v_row json := case when tg_op = 'DELETE' then pg_catalog.to_json(old) else pg_catalog.to_json(new) end;
begin
    insert into tandem.sync_log (sync_log_id, mapping, table_name, operation, row_key, by_sync)
    values (
        tandem.new_id(), 'products', tg_table_name, pg_catalog.lower(tg_op), v_row ->> tg_argv[0], pg_catalog.pg_trigger_depth() > 1
    );
    return null;
end
$log$;

comment on function tandem_products.log() is
'Trigger function: notes an operation in tandem.sync_log. Argument: the column that identifies a row.';

-- triggers/sync/parent_update.sql
-- AFTER UPDATE on tblbaseproduct: a rename or a move reaches all flat rows below it. They are found by their own
-- id column and never by a join: a leaf that moves away meanwhile must not be renamed. While the
-- migration runs they are found by names, as an old program may have moved them while nothing was synced.
create or replace function tandem_products.base_update() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $base_update$
#variable_conflict use_variable
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_call bigint;
    v_own boolean;
    v_key bigint;
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        if pg_catalog.split_part(v_origin, ':', 5)::bigint = -1 then
            return null;
        end if;
    end if;
    v_own := tandem._has_own_triggers('products');
    if not (old.baseproductid is distinct from new.baseproductid
        or old.name is distinct from new.name) then
        return null;
    end if;
    v_call := tandem._mark(v_origin, 'products', case when v_own then 2 else 14 end);
    perform from tandem_products._h2f_calls;  -- counts, see tandem._calls
    perform tandem._in_read_committed('products', 'a row of tblbaseproduct can be renamed or moved',
        'Flat rows that were added below it after this transaction''s snapshot would keep the old value.');
    if tandem.is_blank(new.name) then
        perform tandem._unfit('products', 'tblbaseproduct', 'tblproduct', new.baseproductid,
            'productname', 'text', 'name is missing');
    end if;

    if old.baseproductid is distinct from new.baseproductid then
        update public.tblproduct as flat
        set baseproductid = new.baseproductid
        where flat.baseproductid = old.baseproductid;
    end if;
    if not exists (select from tandem.mapping as t where t.name = 'products' and t.phase = 'migrated') then
        perform tandem_products._rename_unmigrated(0, new.baseproductid, pg_catalog.jsonb_build_object('name', old.name));
    else
        update public.tblproduct as flat
        set
            productname = case when not ((flat.productname) is not distinct from base.name)
                then base.name else flat.productname end,
            updatedat = pg_catalog.clock_timestamp()
        from public.tblbaseproduct as base
        where base.baseproductid = new.baseproductid
            and flat.baseproductid = new.baseproductid
            and (not ((flat.productname) is not distinct from base.name));
    end if;
    -- Rejected rows may be in order again; and what own triggers stored in these columns is the truth.
    for v_key in
        select flat.productid
        from public.tblproduct as flat
        join public.tblbaseproduct as base on base.baseproductid = flat.baseproductid
        where flat.baseproductid = new.baseproductid and (flat.syncstatus = 'rejected' or v_own and (not ((flat.productname) is not distinct from base.name)))
    loop
        perform tandem_products._push(v_key, null, 1);
    end loop;
    v_call := tandem_products._h2f_leave(v_origin, v_started);
    return null;
end
$base_update$;

comment on function tandem_products.base_update() is
'Trigger function: a renamed or moved row of this level changes all flat rows below it.';
-- AFTER UPDATE on tblproductversion: a rename or a move reaches all flat rows below it. They are found by their own
-- id column and never by a join: a leaf that moves away meanwhile must not be renamed. While the
-- migration runs they are found by names, as an old program may have moved them while nothing was synced.
create or replace function tandem_products.version_update() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $version_update$
#variable_conflict use_variable
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_call bigint;
    v_own boolean;
    v_key bigint;
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        if pg_catalog.split_part(v_origin, ':', 5)::bigint = -1 then
            return null;
        end if;
    end if;
    v_own := tandem._has_own_triggers('products');
    if not (old.versionid is distinct from new.versionid
        or old.baseproductid is distinct from new.baseproductid
        or old.version is distinct from new.version) then
        return null;
    end if;
    v_call := tandem._mark(v_origin, 'products', case when v_own then 4 else 14 end);
    perform from tandem_products._h2f_calls;  -- counts, see tandem._calls
    perform tandem._in_read_committed('products', 'a row of tblproductversion can be renamed or moved',
        'Flat rows that were added below it after this transaction''s snapshot would keep the old value.');
    if tandem.is_blank(new.version) then
        perform tandem._unfit('products', 'tblproductversion', 'tblproduct', new.versionid,
            'version', 'text', 'version is missing');
    end if;

    if old.versionid is distinct from new.versionid then
        update public.tblproduct as flat
        set versionid = new.versionid
        where flat.versionid = old.versionid;
    end if;
    if not exists (select from tandem.mapping as t where t.name = 'products' and t.phase = 'migrated') then
        perform tandem_products._rename_unmigrated(1, new.versionid, pg_catalog.jsonb_build_object('version', old.version, 'baseproductid', old.baseproductid));
    else
        update public.tblproduct as flat
        set
            version = case when not (((case when tandem.is_blank(flat.version) then '1' else flat.version end) is not distinct from version.version or flat.version is not distinct from version.version))
                then version.version else flat.version end,
            updatedat = pg_catalog.clock_timestamp()
        from public.tblproductversion as version
        where version.versionid = new.versionid
            and flat.versionid = new.versionid
            and (not (((case when tandem.is_blank(flat.version) then '1' else flat.version end) is not distinct from version.version or flat.version is not distinct from version.version)));
        if old.baseproductid is distinct from new.baseproductid then
            -- moved: leaf by leaf, because each locks its whole chain before it reads it
            perform tandem_products._pull(config.configid, 0, 'levels')
            from public.tblconfig as config
            join public.tblcatalog as catalog on catalog.catalogid = config.catalogid
            join public.tblproductversion as version on version.versionid = catalog.versionid
            where version.versionid = new.versionid;
        end if;
    end if;
    -- Rejected rows may be in order again; and what own triggers stored in these columns is the truth.
    for v_key in
        select flat.productid
        from public.tblproduct as flat
        join public.tblproductversion as version on version.versionid = flat.versionid
        where flat.versionid = new.versionid and (flat.syncstatus = 'rejected' or v_own and (not (((case when tandem.is_blank(flat.version) then '1' else flat.version end) is not distinct from version.version or flat.version is not distinct from version.version))))
    loop
        perform tandem_products._push(v_key, null, 1);
    end loop;
    v_call := tandem_products._h2f_leave(v_origin, v_started);
    return null;
end
$version_update$;

comment on function tandem_products.version_update() is
'Trigger function: a renamed or moved row of this level changes all flat rows below it.';
-- AFTER UPDATE on tblcatalog: a rename or a move reaches all flat rows below it. They are found by their own
-- id column and never by a join: a leaf that moves away meanwhile must not be renamed. While the
-- migration runs they are found by names, as an old program may have moved them while nothing was synced.
create or replace function tandem_products.catalog_update() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $catalog_update$
#variable_conflict use_variable
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_call bigint;
    v_own boolean;
    v_key bigint;
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        if pg_catalog.split_part(v_origin, ':', 5)::bigint = -1 then
            return null;
        end if;
    end if;
    v_own := tandem._has_own_triggers('products');
    if not (old.catalogid is distinct from new.catalogid
        or old.versionid is distinct from new.versionid
        or old.name is distinct from new.name) then
        return null;
    end if;
    v_call := tandem._mark(v_origin, 'products', case when v_own then 8 else 14 end);
    perform from tandem_products._h2f_calls;  -- counts, see tandem._calls
    perform tandem._in_read_committed('products', 'a row of tblcatalog can be renamed or moved',
        'Flat rows that were added below it after this transaction''s snapshot would keep the old value.');
    if tandem.is_blank(new.name) then
        perform tandem._unfit('products', 'tblcatalog', 'tblproduct', new.catalogid,
            'catalogname', 'text', 'name is missing');
    end if;

    if old.catalogid is distinct from new.catalogid then
        update public.tblproduct as flat
        set catalogid = new.catalogid
        where flat.catalogid = old.catalogid;
    end if;
    if not exists (select from tandem.mapping as t where t.name = 'products' and t.phase = 'migrated') then
        perform tandem_products._rename_unmigrated(2, new.catalogid, pg_catalog.jsonb_build_object('name', old.name, 'versionid', old.versionid));
    else
        update public.tblproduct as flat
        set
            catalogname = case when not (((case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end) is not distinct from catalog.name or flat.catalogname is not distinct from catalog.name))
                then catalog.name else flat.catalogname end,
            updatedat = pg_catalog.clock_timestamp()
        from public.tblcatalog as catalog
        where catalog.catalogid = new.catalogid
            and flat.catalogid = new.catalogid
            and (not (((case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end) is not distinct from catalog.name or flat.catalogname is not distinct from catalog.name)));
        if old.versionid is distinct from new.versionid then
            -- moved: leaf by leaf, because each locks its whole chain before it reads it
            perform tandem_products._pull(config.configid, 0, 'levels')
            from public.tblconfig as config
            join public.tblcatalog as catalog on catalog.catalogid = config.catalogid
            where catalog.catalogid = new.catalogid;
        end if;
    end if;
    -- Rejected rows may be in order again; and what own triggers stored in these columns is the truth.
    for v_key in
        select flat.productid
        from public.tblproduct as flat
        join public.tblcatalog as catalog on catalog.catalogid = flat.catalogid
        where flat.catalogid = new.catalogid and (flat.syncstatus = 'rejected' or v_own and (not (((case when tandem.is_blank(flat.catalogname) then 'default' else flat.catalogname end) is not distinct from catalog.name or flat.catalogname is not distinct from catalog.name))))
    loop
        perform tandem_products._push(v_key, null, 1);
    end loop;
    v_call := tandem_products._h2f_leave(v_origin, v_started);
    return null;
end
$catalog_update$;

comment on function tandem_products.catalog_update() is
'Trigger function: a renamed or moved row of this level changes all flat rows below it.';

-- triggers/sync/satellite_change.sql
-- AFTER INSERT, UPDATE, DELETE on tblconfigprice: whatever is in force now is what the flat row says.
create or replace function tandem_products.price_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $price_change$
#variable_conflict use_variable
declare
    v_started timestamptz := pg_catalog.clock_timestamp();
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_call bigint;
    v_old uuid;
    v_new uuid;
    v_row uuid;
    v_was timestamptz;
    v_leaf uuid;
    v_keep boolean[];
begin
    if pg_catalog.pg_trigger_depth() > 1 and v_origin like 'sync:%:%'
        and pg_catalog.starts_with(v_origin, pg_catalog.concat('sync:', pg_catalog.pg_trigger_depth() - 1, ':', pg_catalog.currval('tandem.origin'), ':products:')) then
        if tg_op = 'INSERT' or tg_op = 'UPDATE' and (case when old.amount is distinct from new.amount then 256 else 0 end + case when old.currency is distinct from new.currency then 512 else 0 end)
            & ~pg_catalog.split_part(v_origin, ':', 5)::bigint = 0 then
            return null;
        elsif tg_op = 'DELETE' and (pg_catalog.split_part(v_origin, ':', 5)::bigint = -1 or old.configid is not null and not exists (
            select from public.tblconfig as config
            where config.configid = old.configid
        )) then
            return null;
        end if;
    end if;
    if (tg_op = 'UPDATE' and not (old.configid is distinct from new.configid or old.effectivefrom is distinct from new.effectivefrom
        or old.amount is distinct from new.amount
        or old.currency is distinct from new.currency)) then
        return null;
    end if;
    v_call := tandem._mark(v_origin, 'products', 768);
    perform from tandem_products._h2f_calls;  -- counts, see tandem._calls
    if tg_op <> 'INSERT' then
        v_old := old.configid;
        v_was := old.effectivefrom;
        -- Where the flat row waits for its batch, or to be corrected: columns that this event is not about.
        if tg_op = 'UPDATE' and not (old.configid is distinct from new.configid or old.effectivefrom is distinct from new.effectivefrom) then
            v_keep := array[not old.amount is distinct from new.amount, not old.currency is distinct from new.currency];
        else
            -- only if it takes the row in force away: what the flat row says beside that row is newer than it
            select array[not ((flat.amount) is not distinct from old.amount) and not (tg_op = 'UPDATE' and old.amount is distinct from new.amount), not ((flat.currency) is not distinct from old.currency) and not (tg_op = 'UPDATE' and old.currency is distinct from new.currency)] into v_keep
            from public.tblproduct as flat
            where flat.configid = v_old and v_was <= pg_catalog.clock_timestamp() and not exists (
                select from public.tblconfigprice as s
                where s.configid = v_old and s.priceid <> old.priceid
                    and s.effectivefrom > v_was and s.effectivefrom <= pg_catalog.clock_timestamp()
            ) and tandem_products._is_waiting(v_old);
        end if;
    end if;
    if tg_op <> 'DELETE' then
        v_new := new.configid;
        v_row := new.priceid;
        if new.effectivefrom > pg_catalog.clock_timestamp() then
            insert into tandem_products.due (satellite, leaf_id, effective)
            values ('price', v_new, new.effectivefrom)
            on conflict do nothing;
        end if;
    end if;
    if v_old <> v_new then
        -- two leaves are taken in the order of their ids, so that two such moves cannot cross
        foreach v_leaf in array array[least(v_old, v_new), greatest(v_old, v_new)] loop
            perform tandem_products._settle_price(
                v_leaf, case v_leaf when v_new then v_row end, case v_leaf when v_old then v_was end,
                case v_leaf when v_old then v_keep end);
        end loop;
    elsif v_old is not null or new.effectivefrom <= pg_catalog.clock_timestamp() then
        perform tandem_products._settle_price(coalesce(v_new, v_old), v_row, v_was, v_keep);
    else
        -- A new row for later is only noted as due; who writes the flat row meanwhile waits, as its time may
        -- come before it is committed.
        perform from public.tblconfig as config
        where config.configid = v_new
        for no key update;
    end if;
    v_call := tandem_products._h2f_leave(v_origin, v_started);
    return null;
end
$price_change$;

comment on function tandem_products.price_change() is
'Trigger function: the value in force after a change of dated rows goes to the flat row.';
