-- schema/mapping/imports/01-schema.sql
-- The mapping's own schema, which the bundle makes.
comment on schema tandem_items is
'pgtandem: rendered code of the import items';

-- A row of a batch: its fields in the types of their columns (f_), the id of the row that it is
-- (row_id), and of each master the key (k_) and the id (i_). Variables alone are of it.
-- The first time there is none, which is no news.
set local client_min_messages = warning;
drop type if exists tandem_items.batch_row;
set local client_min_messages = notice;

create type tandem_items.batch_row as (
    row_no integer,
    row_id bigint,
    k_color text,
    i_color bigint,
    k_size text,
    i_size bigint,
    k_item text,
    i_item bigint,
    f_color text,
    f_size text,
    f_name text,
    f_description text,
    f_sku text,
    f_price numeric(12, 2),
    f_quantity integer
);

comment on type tandem_items.batch_row is
'A row of a batch of an import: not for use elsewhere.';

-- procedures/imports/_check_rows.sql
-- All that can be said of an input before anything of it is written, in one pass: what is no value
-- of its column, which rows name the same key, which contradict each other about a master. A row
-- that is in order leaves nothing behind here. No statistics say how many records there are, and a
-- nested loop over all of them would not end. What is off makes plans look costly: to compile them
-- would take longer than the check.
create or replace function tandem_items._check_rows(p_import bigint, p_run bigint) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set work_mem = '64MB'
set jit = off
as $_check_rows$
declare
    r_job tandem.import_job;
    v_places integer[];
    v_warnings jsonb;
begin
    select j.* into strict r_job from tandem.import_job as j where j.import_id = p_import;
    v_places := r_job.places;
    with tested as materialized (
        select
            p.*, coalesce(
                p.fault is not null or
                pg_catalog.octet_length(p.k_color) > 2600 or
                pg_catalog.octet_length(p.k_size) > 2600 or
                p.f_name is null or
                p.f_name is not null and p.k_item is null or
                pg_catalog.octet_length(p.f_name) < 12 and tandem._is_placeholder(p.f_name) or
                pg_catalog.octet_length(p.k_item) > 2600 or
                not (pg_catalog.octet_length(p.f_price) <= 10 and p.f_price ~ '^[0-9]+([.][0-9]{0,2})?$' or p.f_price ~ '^[+-]?(0*[0-9]{1,10}([.][0-9]{0,2}0*)?|[.][0-9]{1,2}0*)$') or
                case when pg_catalog.octet_length(p.f_quantity) <= 9 and p.f_quantity !~ '[^0-9]' then false when p.f_quantity ~ '^[+-]?[0-9]{1,19}$' then p.f_quantity::numeric not between -2147483648 and 2147483647 else p.f_quantity is not null end
            , false) as is_bad,
            pg_catalog.concat('|', pg_catalog.concat_ws('|', p.f_color, p.f_size, p.f_name), '|') collate pg_catalog."C" ~ '[^ -~]|  |[|] | [|]' as is_odd
        from (
select
            f.*,
            nullif(tandem.import_key(f.f_color), '') as k_color,
            nullif(tandem.import_key(f.f_size), '') as k_size,
            case when not tandem.is_blank(f.f_name) then f.f_name end as k_item
        from (
            select
                r.row_no, r.line_no, r.fault,
                nullif(r.content[v_places[1]], '') as f_color,
                nullif(r.content[v_places[2]], '') as f_size,
                nullif(r.content[v_places[3]], '') as f_name,
                nullif(r.content[v_places[4]], '') as f_description,
                nullif(r.content[v_places[5]], '') as f_sku,
                nullif(pg_catalog.btrim(r.content[v_places[6]]), '') as f_price,
                nullif(pg_catalog.btrim(r.content[v_places[7]]), '') as f_quantity
            from tandem.import_row as r
            where r.import_id = p_import and r.is_durable = r_job.is_durable
            offset 0
        ) as f
        offset 0
        ) as p
    ),

    twins as (
        select
            t.k_color,
            t.k_size,
            t.k_item,
            pg_catalog.min(t.row_no) as first_row, pg_catalog.max(t.row_no) as last_row
        from tested as t
        where not t.is_bad
        group by t.k_color, t.k_size, t.k_item
        having pg_catalog.count(*) > 1
    ),

    -- by_row is the winner; where there is to be none, another of the same key
    named_twice as materialized (
        select
            t.row_no, case r_job.duplicates
                when 'first' then w.first_row
                when 'last' then w.last_row
                else case t.row_no when w.first_row then w.last_row else w.first_row end
            end as by_row
        from twins as w
        join tested as t on coalesce(t.k_color, '') = coalesce(w.k_color, '') and coalesce(t.k_size, '') = coalesce(w.k_size, '') and t.k_item = w.k_item
        where not t.is_bad
    ),

    says_description as not materialized (
        select t.row_no, t.k_item as master_key, coalesce(t.f_description, '') as said
        from tested as t
        where v_places[4] is not null and not t.is_bad
            and (t.f_description is not null or r_job.empty = 'clear')
            and not exists (
                select from named_twice as n
                where n.row_no = t.row_no and (n.row_no <> n.by_row or r_job.duplicates = 'error')
            )
    ),

    disputes_description as (
        select
            s.master_key, case r_job.duplicates when 'last' then pg_catalog.max(s.row_no)
                else pg_catalog.min(s.row_no) end as by_row
        from says_description as s
        group by s.master_key
        having pg_catalog.min(s.said) <> pg_catalog.max(s.said)
    ),

    disputed (row_no, field, by_row) as materialized (
        select s.row_no, 'description'::text, w.row_no
        from disputes_description as d
        join says_description as s on s.master_key = d.master_key
        join says_description as w on w.row_no = d.by_row
        where s.said <> w.said
        union all
        select null::integer, null::text, null::integer
        where false
    ),

    faults as (
        select t.row_no, x.field, x.sqlstate, x.message, x.hint
        from tested as t
        cross join lateral (
            select
                (pg_catalog.array_agg(y.field order by y.position))[1] as field,
                (pg_catalog.array_agg(y.sqlstate order by y.position))[1] as sqlstate,
                (pg_catalog.array_agg(y.hint order by y.position))[1] as hint,
                pg_catalog.string_agg(
                    pg_catalog.concat(y.field || ': ', y.message), '; ' order by y.position
                ) as message
            from (select t.*) as p
            cross join lateral (
                values
                (
                    1, null::text, '22P04',
                    p.fault,
                    'Correct the record, then import it again.',
                    p.fault is not null
                ),
                (
                    2, 'color'::text, '54000',
                    pg_catalog.format('it has %s bytes, at most 2600 fit the unique index', pg_catalog.octet_length(p.k_color)),
                    'Shorten it.',
                    pg_catalog.octet_length(p.k_color) > 2600
                ),
                (
                    3, 'size'::text, '54000',
                    pg_catalog.format('it has %s bytes, at most 2600 fit the unique index', pg_catalog.octet_length(p.k_size)),
                    'Shorten it.',
                    pg_catalog.octet_length(p.k_size) > 2600
                ),
                (
                    4, 'name'::text, '23502',
                    'it is empty',
                    'Give each row a name.',
                    p.f_name is null
                ),
                (
                    5, 'name'::text, '23502',
                    'nothing of it can be seen',
                    'Give each row a name.',
                    p.f_name is not null and p.k_item is null
                ),
                (
                    6, 'name'::text, '23502',
                    pg_catalog.format('%L stands for nothing', p.f_name),
                    'Give each row a name.',
                    pg_catalog.octet_length(p.f_name) < 12 and tandem._is_placeholder(p.f_name)
                ),
                (
                    7, 'name'::text, '54000',
                    pg_catalog.format('it has %s bytes, at most 2600 fit the unique index', pg_catalog.octet_length(p.k_item)),
                    'Shorten it.',
                    pg_catalog.octet_length(p.k_item) > 2600
                ),
                (
                    8, 'price'::text, '22P02',
                    pg_catalog.format('%L is no number that fits numeric(12,2)', pg_catalog.left(p.f_price, 100)),
                    'Write digits with a point, at most 10 before and 2 after it; no currency, no thousands, no exponent.',
                    not (pg_catalog.octet_length(p.f_price) <= 10 and p.f_price ~ '^[0-9]+([.][0-9]{0,2})?$' or p.f_price ~ '^[+-]?(0*[0-9]{1,10}([.][0-9]{0,2}0*)?|[.][0-9]{1,2}0*)$')
                ),
                (
                    9, 'quantity'::text, '22P02',
                    pg_catalog.format('%L is no whole number of the type integer', pg_catalog.left(p.f_quantity, 100)),
                    'Write digits alone, with a sign at most.',
                    case when pg_catalog.octet_length(p.f_quantity) <= 9 and p.f_quantity !~ '[^0-9]' then false when p.f_quantity ~ '^[+-]?[0-9]{1,19}$' then p.f_quantity::numeric not between -2147483648 and 2147483647 else p.f_quantity is not null end
                )
            ) as y (position, field, sqlstate, message, hint, applies)
            -- a record that could not be read says nothing else
            where y.applies and (y.position = 1 or p.fault is null)
        ) as x
        where t.is_bad
        union all
        select
            n.row_no, null, '21000', pg_catalog.format('%s has the same key', coalesce('line ' || o.line_no, 'row ' || o.row_no)),
            'Leave one of them, or say which is to win: duplicates first or last.'
        from named_twice as n
        join tested as o on o.row_no = n.by_row
        where r_job.duplicates = 'error'
        union all
        select
            d.row_no, pg_catalog.min(d.field), '21000', pg_catalog.string_agg(
                pg_catalog.format('%s: %s says otherwise', d.field, coalesce('line ' || o.line_no, 'row ' || o.row_no)), '; '
                order by d.field
            ), 'Make them say the same, or say which is to win: duplicates first or last.'
        from disputed as d
        join tested as o on o.row_no = d.by_row
        where r_job.duplicates = 'error'
        group by d.row_no
    ),

    rejected as (
        insert into tandem.rejected_row (
            rejected_id, mapping, side, row_key, content, sqlstate, message, hint, run_id,
            import_id, row_no, line_no, column_name
        )
        select
            tandem.new_id(), r_job.mapping, 'import', pg_catalog.concat(p_import, '/', x.row_no),
            pg_catalog.to_json(r.content), x.sqlstate, x.message, x.hint, p_run, p_import,
            x.row_no, r.line_no, x.field
        from faults as x
        join tandem.import_row as r on r.row_no = x.row_no
        where r.import_id = p_import and r.is_durable = r_job.is_durable
    ),

    superseded as (
        insert into tandem.import_mark (import_id, row_no, mark, by_row)
        select p_import, n.row_no, 'superseded', n.by_row
        from named_twice as n
        where n.row_no <> n.by_row and r_job.duplicates <> 'error'
    ),

    overruled as (
        insert into tandem.import_mark (import_id, row_no, mark, subject, by_row)
        select p_import, d.row_no, 'overruled', d.field, d.by_row
        from disputed as d
        where r_job.duplicates <> 'error'
    ),

    warned as (
        select
            w.kind, pg_catalog.count(*) as rows, (pg_catalog.array_agg(
                pg_catalog.format('%s, %s: %L', coalesce('line ' || t.line_no, 'row ' || t.row_no), v.field, v.value) order by t.row_no
            ))[1:3] as samples
        from tested as t
        cross join lateral (
            values
            ('color', t.f_color),
            ('size', t.f_size),
            ('name', t.f_name)
        ) as v (field, value)
        cross join lateral pg_catalog.unnest(tandem._name_warnings(v.value)) as w (kind)
        where t.is_odd and not t.is_bad
        group by w.kind
        union all
        select
            'contradiction', pg_catalog.count(*), (pg_catalog.array_agg(
                pg_catalog.format('%s, %s: %s says otherwise', coalesce('line ' || t.line_no, 'row ' || t.row_no), d.field, coalesce('line ' || o.line_no, 'row ' || o.row_no))
                order by d.row_no
            ))[1:3]
        from disputed as d
        join tested as t on t.row_no = d.row_no
        join tested as o on o.row_no = d.by_row
        where r_job.duplicates <> 'error'
        having pg_catalog.count(*) > 0
    )

    select coalesce(pg_catalog.jsonb_object_agg(w.kind, pg_catalog.jsonb_build_object(
        'rows', w.rows, 'samples', w.samples
    )), '{}')
    into v_warnings
    from warned as w;
    return v_warnings;
end
$_check_rows$;

comment on function tandem_items._check_rows(bigint, bigint) is
'Tests the input of an import, notes the rows that are not to be written, and returns warnings by '
'kind: how many rows, and three samples.';

-- procedures/imports/_write_rows.sql
-- A batch: statement by statement and table by table in one fixed order, each in the order of its
-- full key, so that imports of the same rows wait for each other and never deadlock. An INSERT has
-- only what is not there, so that a row which is there costs no sequence value; an UPDATE only what
-- differs, so that the rest costs no WAL. Plans are kept from batch to batch: one that was made when a
-- table was small has to be right when the import has filled it. So all go by the indexes, row by row;
-- what is looked up is a LATERAL of its own, which no plan can begin with, and by its key alone, as an
-- index over few rows looks as good as the key's; what is updated goes by its place. None is compiled,
-- however costly it looks.
create or replace function tandem_items._write_rows(
    p_import bigint, p_run bigint, p_from integer, p_to integer
) returns tandem.import_counts
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set jit = off
as $_write_rows$
declare
    r_job tandem.import_job;
    r_counts tandem.import_counts := row(0, 0, 0, 0, 0);
    v_places integer[];
    v_clears boolean;
    v_has_variants boolean;
    v_differs boolean := false;
    v_skipped integer[];
    v_overruled_description integer[];
    v_rows tandem_items.batch_row[];
    v_lacks_color boolean;
    v_lost_color integer[];
    v_lacks_size boolean;
    v_lost_size integer[];
    v_lacks_item boolean;
    v_lost_item integer[];
    v_differs_item boolean;
    v_new bigint[] := '{}';
    v_ids bigint[];
    v_named integer[];
    v_inserted integer[] := '{}';
    v_updated integer[] := '{}';
    v_suppressed integer[] := '{}';
begin
    select j.* into strict r_job from tandem.import_job as j where j.import_id = p_import;
    v_places := r_job.places;
    v_clears := r_job.empty = 'clear';
    v_has_variants := v_places[1] is not null or v_places[2] is not null or v_places[5] is not null or v_places[6] is not null or v_places[7] is not null;
    v_skipped := array(
        select x.row_no from tandem.rejected_row as x
        where x.import_id = p_import and x.row_no between p_from and p_to
        union all
        select k.row_no from tandem.import_mark as k
        where k.import_id = p_import and k.row_no between p_from and p_to
            and k.mark = 'superseded'
    );
    v_overruled_description := array(
        select k.row_no from tandem.import_mark as k
        where k.import_id = p_import and k.row_no between p_from and p_to
            and k.mark = 'overruled' and k.subject = 'description'
    );
    -- what is there, and as the input has it, is done with
    select
        pg_catalog.count(*),
        pg_catalog.array_agg(row(
            p.row_no, variant.variant_id,
            p.k_color, color.color_id,
            p.k_size, size.size_id,
            p.k_item, item.item_id,
            p.f_color,
            p.f_size,
            p.f_name,
            p.f_description,
            p.f_sku,
            p.f_price::numeric(12, 2),
            p.f_quantity::integer
        )::tandem_items.batch_row) filter (
            where false
                or p.k_color is not null and color.color_id is null
                or p.k_size is not null and size.size_id is null
                or p.k_item is not null and item.item_id is null
                or v_places[4] is not null and (p.f_description is not null or v_clears) and item.description is distinct from p.f_description
                and p.row_no <> all (v_overruled_description)
                or v_has_variants and variant.variant_id is null
                or v_places[5] is not null and (p.f_sku is not null or v_clears) and variant.sku is distinct from p.f_sku
                or v_places[6] is not null and (p.f_price is not null or v_clears) and variant.price is distinct from p.f_price::numeric(12, 2)
                or v_places[7] is not null and (p.f_quantity is not null or v_clears) and variant.quantity is distinct from p.f_quantity::integer
        ),
        pg_catalog.bool_or(p.k_color is not null and color.color_id is null),
        pg_catalog.bool_or(p.k_size is not null and size.size_id is null),
        pg_catalog.bool_or(p.k_item is not null and item.item_id is null),
        pg_catalog.bool_or(item.item_id is not null and (v_places[4] is not null and (p.f_description is not null or v_clears) and item.description is distinct from p.f_description)),
        pg_catalog.bool_or(variant.variant_id is not null and (v_places[5] is not null and (p.f_sku is not null or v_clears) and variant.sku is distinct from p.f_sku or v_places[6] is not null and (p.f_price is not null or v_clears) and variant.price is distinct from p.f_price::numeric(12, 2) or v_places[7] is not null and (p.f_quantity is not null or v_clears) and variant.quantity is distinct from p.f_quantity::integer))
    into
        r_counts.tried, v_rows, v_lacks_color, v_lacks_size, v_lacks_item, v_differs_item, v_differs
    from (
select
            f.*,
            nullif(tandem.import_key(f.f_color), '') as k_color,
            nullif(tandem.import_key(f.f_size), '') as k_size,
            case when not tandem.is_blank(f.f_name) then f.f_name end as k_item
        from (
            select
                r.row_no, r.line_no, r.fault,
                nullif(r.content[v_places[1]], '') as f_color,
                nullif(r.content[v_places[2]], '') as f_size,
                nullif(r.content[v_places[3]], '') as f_name,
                nullif(r.content[v_places[4]], '') as f_description,
                nullif(r.content[v_places[5]], '') as f_sku,
                nullif(pg_catalog.btrim(r.content[v_places[6]]), '') as f_price,
                nullif(pg_catalog.btrim(r.content[v_places[7]]), '') as f_quantity
            from tandem.import_row as r
            where r.import_id = p_import and r.is_durable = r_job.is_durable
                and r.row_no between p_from and p_to and r.row_no <> all (v_skipped)
            offset 0
        ) as f
        offset 0
    ) as p
    left join lateral (
        select t.color_id
        from public.color_master as t
        where tandem.import_key(t.color_name) = p.k_color and t.deleted_at is null
        offset 0
    ) as color on true
    left join lateral (
        select t.size_id
        from public.size_master as t
        where tandem.import_key(t.size_name) = p.k_size and t.deleted_at is null
        offset 0
    ) as size on true
    left join lateral (
        select t.item_id, t.description
        from public.item_master as t
        where t.name = p.k_item and t.deleted_at is null
        offset 0
    ) as item on true
    left join public.item_variant as variant
        on v_has_variants
        and variant.variant_id = case
            when color.color_id is not null and size.size_id is not null then (
                select t.variant_id from public.item_variant as t
                where t.item_id = item.item_id and t.color_id = color.color_id and t.size_id = size.size_id and t.deleted_at is null
            )
            when p.k_color is null and size.size_id is not null then (
                select t.variant_id from public.item_variant as t
                where t.item_id = item.item_id and t.color_id is null and t.size_id = size.size_id and t.deleted_at is null
            )
            when color.color_id is not null and p.k_size is null then (
                select t.variant_id from public.item_variant as t
                where t.item_id = item.item_id and t.color_id = color.color_id and t.size_id is null and t.deleted_at is null
            )
            when p.k_color is null and p.k_size is null then (
                select t.variant_id from public.item_variant as t
                where t.item_id = item.item_id and t.color_id is null and t.size_id is null and t.deleted_at is null
            )
        end
    ;
    if v_rows is null then
        return r_counts;
    end if;

    -- color_master
    if v_lacks_color then
        v_ids := array(
            select distinct on (tandem.import_key(t.color_name) collate "C") t.color_id
            from pg_catalog.unnest(v_rows) as r
            cross join lateral (
                select t.* from public.color_master as t
                where tandem.import_key(t.color_name) = r.k_color and t.deleted_at is not null
                offset 0
            ) as t
            where r_job.deleted <> 'create' and not exists (
                select from public.color_master as o
                where tandem.import_key(o.color_name) = tandem.import_key(t.color_name) and o.deleted_at is null
            )
            order by tandem.import_key(t.color_name) collate "C", t.deleted_at desc, t.color_id desc
        );
        if v_ids <> '{}' then
            v_named := array(
                select r.row_no from pg_catalog.unnest(v_rows) as r
                cross join lateral (
                    select t.* from public.color_master as t
                    where tandem.import_key(t.color_name) = r.k_color and t.deleted_at is not null
                    offset 0
                ) as t
                where t.color_id = any (v_ids)
            );
            if r_job.deleted = 'error' then
                perform tandem._reject_import_row(
                    p_import, p_run, n.row_no, '23505',
                    'a deleted row of color_master has its key',
                    'Bring that row back, name another, or import with deleted revive or create.'
                )
                from pg_catalog.unnest(v_named) as n (row_no);
                r_counts.failed := r_counts.failed + pg_catalog.cardinality(v_named);
                -- a row may have changed a master already, and is counted once
                v_updated := array(
                    select u.row_no from pg_catalog.unnest(v_updated) as u (row_no)
                    where u.row_no <> all (v_named)
                );
                v_rows := array(
                    select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
                );
            else
                perform from (select i.id from pg_catalog.unnest(v_ids) as i (id) order by i.id) as n
                cross join lateral (
                    select from public.color_master as t
                    where t.color_id = n.id
                    for no key update
                ) as t;
                with due as materialized (
                    select o.* from pg_catalog.unnest(v_ids) as n (id)
                    cross join lateral (
                        select t.ctid as place, t.deleted_at as gone, t.xmin as writer from public.color_master as t
                        where t.color_id = n.id
                        offset 0
                    ) as o
                    where o.gone is not null
                ),

                made as (
                    update public.color_master as t
                    set deleted_at = null
                    from due as o
                    where t.ctid = o.place
                    returning t.color_id as id,
                        pg_catalog.jsonb_build_object('deleted_at', o.gone) as before,
                        pg_catalog.jsonb_build_object('deleted_at', t.deleted_at) as after, o.writer
                )

                insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                select p_import, p_from, 'color_master', 'revive',
                    pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after)), pg_catalog.array_agg(x.writer)
                from made as x
                having pg_catalog.count(*) > 0;
                v_updated := v_updated || v_named;
            end if;
        end if;
        with made as (
            insert into public.color_master as t (color_name)
            select distinct on (r.k_color collate "C")
                tandem._trim(r.f_color)
            from pg_catalog.unnest(v_rows) as r
            where r.k_color is not null and not exists (
                select from public.color_master as o
                where tandem.import_key(o.color_name) = r.k_color and o.deleted_at is null
            )
            order by r.k_color collate "C", r.row_no
            on conflict (tandem.import_key(color_name)) where deleted_at is null do nothing
            returning t.color_id as id, null as before, (select i from (select t.color_name) as i) as after
        ),

        kept as (
            insert into tandem.import_change (import_id, from_row, table_name, action, images)
            select p_import, p_from, 'color_master', 'insert',
                pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after))
            from made as x
            having pg_catalog.count(*) > 0
        )

        select coalesce(pg_catalog.array_agg(x.id), '{}') into v_ids from made as x;
    end if;

    -- size_master
    if v_lacks_size then
        v_ids := array(
            select distinct on (tandem.import_key(t.size_name) collate "C") t.size_id
            from pg_catalog.unnest(v_rows) as r
            cross join lateral (
                select t.* from public.size_master as t
                where tandem.import_key(t.size_name) = r.k_size and t.deleted_at is not null
                offset 0
            ) as t
            where r_job.deleted <> 'create' and not exists (
                select from public.size_master as o
                where tandem.import_key(o.size_name) = tandem.import_key(t.size_name) and o.deleted_at is null
            )
            order by tandem.import_key(t.size_name) collate "C", t.deleted_at desc, t.size_id desc
        );
        if v_ids <> '{}' then
            v_named := array(
                select r.row_no from pg_catalog.unnest(v_rows) as r
                cross join lateral (
                    select t.* from public.size_master as t
                    where tandem.import_key(t.size_name) = r.k_size and t.deleted_at is not null
                    offset 0
                ) as t
                where t.size_id = any (v_ids)
            );
            if r_job.deleted = 'error' then
                perform tandem._reject_import_row(
                    p_import, p_run, n.row_no, '23505',
                    'a deleted row of size_master has its key',
                    'Bring that row back, name another, or import with deleted revive or create.'
                )
                from pg_catalog.unnest(v_named) as n (row_no);
                r_counts.failed := r_counts.failed + pg_catalog.cardinality(v_named);
                -- a row may have changed a master already, and is counted once
                v_updated := array(
                    select u.row_no from pg_catalog.unnest(v_updated) as u (row_no)
                    where u.row_no <> all (v_named)
                );
                v_rows := array(
                    select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
                );
            else
                perform from (select i.id from pg_catalog.unnest(v_ids) as i (id) order by i.id) as n
                cross join lateral (
                    select from public.size_master as t
                    where t.size_id = n.id
                    for no key update
                ) as t;
                with due as materialized (
                    select o.* from pg_catalog.unnest(v_ids) as n (id)
                    cross join lateral (
                        select t.ctid as place, t.deleted_at as gone, t.xmin as writer from public.size_master as t
                        where t.size_id = n.id
                        offset 0
                    ) as o
                    where o.gone is not null
                ),

                made as (
                    update public.size_master as t
                    set deleted_at = null
                    from due as o
                    where t.ctid = o.place
                    returning t.size_id as id,
                        pg_catalog.jsonb_build_object('deleted_at', o.gone) as before,
                        pg_catalog.jsonb_build_object('deleted_at', t.deleted_at) as after, o.writer
                )

                insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                select p_import, p_from, 'size_master', 'revive',
                    pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after)), pg_catalog.array_agg(x.writer)
                from made as x
                having pg_catalog.count(*) > 0;
                v_updated := v_updated || v_named;
            end if;
        end if;
        with made as (
            insert into public.size_master as t (size_name)
            select distinct on (r.k_size collate "C")
                tandem._trim(r.f_size)
            from pg_catalog.unnest(v_rows) as r
            where r.k_size is not null and not exists (
                select from public.size_master as o
                where tandem.import_key(o.size_name) = r.k_size and o.deleted_at is null
            )
            order by r.k_size collate "C", r.row_no
            on conflict (tandem.import_key(size_name)) where deleted_at is null do nothing
            returning t.size_id as id, null as before, (select i from (select t.size_name) as i) as after
        ),

        kept as (
            insert into tandem.import_change (import_id, from_row, table_name, action, images)
            select p_import, p_from, 'size_master', 'insert',
                pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after))
            from made as x
            having pg_catalog.count(*) > 0
        )

        select coalesce(pg_catalog.array_agg(x.id), '{}') into v_ids from made as x;
    end if;

    -- item_master
    if v_lacks_item then
        v_ids := array(
            select distinct on (t.name collate "C") t.item_id
            from pg_catalog.unnest(v_rows) as r
            cross join lateral (
                select t.* from public.item_master as t
                where t.name = r.k_item and t.deleted_at is not null
                offset 0
            ) as t
            where r_job.deleted <> 'create' and not exists (
                select from public.item_master as o
                where o.name = t.name and o.deleted_at is null
            )
            order by t.name collate "C", t.deleted_at desc, t.item_id desc
        );
        if v_ids <> '{}' then
            v_named := array(
                select r.row_no from pg_catalog.unnest(v_rows) as r
                cross join lateral (
                    select t.* from public.item_master as t
                    where t.name = r.k_item and t.deleted_at is not null
                    offset 0
                ) as t
                where t.item_id = any (v_ids)
            );
            if r_job.deleted = 'error' then
                perform tandem._reject_import_row(
                    p_import, p_run, n.row_no, '23505',
                    'a deleted row of item_master has its key',
                    'Bring that row back, name another, or import with deleted revive or create.'
                )
                from pg_catalog.unnest(v_named) as n (row_no);
                r_counts.failed := r_counts.failed + pg_catalog.cardinality(v_named);
                -- a row may have changed a master already, and is counted once
                v_updated := array(
                    select u.row_no from pg_catalog.unnest(v_updated) as u (row_no)
                    where u.row_no <> all (v_named)
                );
                v_rows := array(
                    select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
                );
            else
                perform from (select i.id from pg_catalog.unnest(v_ids) as i (id) order by i.id) as n
                cross join lateral (
                    select from public.item_master as t
                    where t.item_id = n.id
                    for no key update
                ) as t;
                with due as materialized (
                    select o.* from pg_catalog.unnest(v_ids) as n (id)
                    cross join lateral (
                        select t.ctid as place, t.deleted_at as gone, t.xmin as writer from public.item_master as t
                        where t.item_id = n.id
                        offset 0
                    ) as o
                    where o.gone is not null
                ),

                made as (
                    update public.item_master as t
                    set deleted_at = null
                    from due as o
                    where t.ctid = o.place
                    returning t.item_id as id,
                        pg_catalog.jsonb_build_object('deleted_at', o.gone) as before,
                        pg_catalog.jsonb_build_object('deleted_at', t.deleted_at) as after, o.writer
                )

                insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                select p_import, p_from, 'item_master', 'revive',
                    pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after)), pg_catalog.array_agg(x.writer)
                from made as x
                having pg_catalog.count(*) > 0;
                v_updated := v_updated || v_named;
            end if;
        end if;
        with made as (
            insert into public.item_master as t (name, description)
            select distinct on (r.k_item collate "C")
                r.f_name,
                r.f_description
            from pg_catalog.unnest(v_rows) as r
            where r.k_item is not null and not exists (
                select from public.item_master as o
                where o.name = r.k_item and o.deleted_at is null
            )
            order by r.k_item collate "C",
                v_places[4] is not null and (r.f_description is not null or v_clears) and r.row_no <> all (v_overruled_description) desc, r.row_no
            on conflict (name) where deleted_at is null do nothing
            returning t.item_id as id, null as before, (select i from (select t.name, t.description) as i) as after
        ),

        kept as (
            insert into tandem.import_change (import_id, from_row, table_name, action, images)
            select p_import, p_from, 'item_master', 'insert',
                pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after))
            from made as x
            having pg_catalog.count(*) > 0
        )

        select coalesce(pg_catalog.array_agg(x.id), '{}') into v_new from made as x;
        -- where another session was first
        v_differs_item := v_differs_item or pg_catalog.cardinality(v_new) < (
            select pg_catalog.count(distinct r.k_item collate "C") from pg_catalog.unnest(v_rows) as r
            where r.i_item is null
        );
    end if;
    if v_lacks_color or v_lacks_size or v_lacks_item then
        select pg_catalog.array_agg(row(
            r.row_no, r.row_id,
            r.k_color, case when r.i_color is null and r.k_color is not null then (
                select t.color_id from public.color_master as t
                where tandem.import_key(t.color_name) = r.k_color and t.deleted_at is null
            ) else r.i_color end,
            r.k_size, case when r.i_size is null and r.k_size is not null then (
                select t.size_id from public.size_master as t
                where tandem.import_key(t.size_name) = r.k_size and t.deleted_at is null
            ) else r.i_size end,
            r.k_item, case when r.i_item is null and r.k_item is not null then (
                select t.item_id from public.item_master as t
                where t.name = r.k_item and t.deleted_at is null
            ) else r.i_item end,
            r.f_color,
            r.f_size,
            r.f_name,
            r.f_description,
            r.f_sku,
            r.f_price,
            r.f_quantity
        )::tandem_items.batch_row)
        into v_rows from pg_catalog.unnest(v_rows) as r;
        select
            pg_catalog.array_agg(r.row_no) filter (
                where r.k_color is not null and r.i_color is null
            ),
            pg_catalog.array_agg(r.row_no) filter (
                where r.k_size is not null and r.i_size is null
            ),
            pg_catalog.array_agg(r.row_no) filter (
                where r.k_item is not null and r.i_item is null
            )
        into v_lost_color, v_lost_size, v_lost_item
        from pg_catalog.unnest(v_rows) as r;
        if v_lost_color is not null then
            v_named := v_lost_color;
            insert into tandem.import_mark (import_id, row_no, mark, subject)
                select p_import, n.row_no, 'suppressed', 'color_master'
                from pg_catalog.unnest(v_named) as n (row_no);
                v_suppressed := v_suppressed || v_named;
                v_rows := array(
                    select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
                );
        end if;
        if v_lost_size is not null then
            v_named := v_lost_size;
            insert into tandem.import_mark (import_id, row_no, mark, subject)
                select p_import, n.row_no, 'suppressed', 'size_master'
                from pg_catalog.unnest(v_named) as n (row_no);
                v_suppressed := v_suppressed || v_named;
                v_rows := array(
                    select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
                );
        end if;
        if v_lost_item is not null then
            v_named := v_lost_item;
            insert into tandem.import_mark (import_id, row_no, mark, subject)
                select p_import, n.row_no, 'suppressed', 'item_master'
                from pg_catalog.unnest(v_named) as n (row_no);
                v_suppressed := v_suppressed || v_named;
                v_rows := array(
                    select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
                );
        end if;
    end if;
    if v_differs_item then
        perform from (
            select v.* from (
                select
                    r.i_item as id, pg_catalog.min(r.row_no) as row_no,
                    (pg_catalog.array_agg(r.f_description) filter (
                        where v_places[4] is not null and (r.f_description is not null or v_clears)
                            and r.row_no <> all (v_overruled_description)
                    ))[1] as f_description,
                    pg_catalog.bool_or(
                        v_places[4] is not null and (r.f_description is not null or v_clears)
                        and r.row_no <> all (v_overruled_description)
                    ) as s_description
                from pg_catalog.unnest(v_rows) as r
                group by r.i_item
            ) as v
            order by v.id
        ) as n
        cross join lateral (
            select from public.item_master as t
            where t.item_id = n.id and (n.s_description and t.description is distinct from n.f_description)
            for no key update
        ) as t;
        if found then
            if exists (
                select from pg_catalog.unnest(v_rows) as r
                cross join lateral (
                    select t.deleted_at as gone from public.item_master as t
                    where t.item_id = r.i_item
                    offset 0
                ) as t
                where t.gone is not null
            ) then
                raise exception '%', 'another session has deleted rows of item_master'
                using errcode = 'serialization_failure', detail = 'The batch waited for it.',
                    hint = 'The same is tried again.';
            end if;
            with due as materialized (
                select n.*, o.*
                from (
                    select
                        r.i_item as id, pg_catalog.min(r.row_no) as row_no,
                        (pg_catalog.array_agg(r.f_description) filter (
                            where v_places[4] is not null and (r.f_description is not null or v_clears)
                                and r.row_no <> all (v_overruled_description)
                        ))[1] as f_description,
                        pg_catalog.bool_or(
                            v_places[4] is not null and (r.f_description is not null or v_clears)
                            and r.row_no <> all (v_overruled_description)
                        ) as s_description
                    from pg_catalog.unnest(v_rows) as r
                    group by r.i_item
                ) as n
                cross join lateral (
                    select t.ctid as place, (select i from (select t.name, t.description) as i) as before, t.xmin as writer
                    from public.item_master as t
                    where t.item_id = n.id and (n.s_description and t.description is distinct from n.f_description)
                    offset 0
                ) as o
            ),

            made as (
                update public.item_master as t
                set
                    description = case when n.s_description then n.f_description else t.description end
                from due as n
                where t.ctid = n.place
                returning t.item_id as id, n.row_no, n.before, (select i from (select t.name, t.description) as i) as after, n.writer
            ),

            kept as (
                insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                select p_import, p_from, 'item_master', 'update',
                    pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after)), pg_catalog.array_agg(x.writer)
                from made as x
                having pg_catalog.count(*) > 0
            )

            select
                v_updated || coalesce(pg_catalog.array_agg(n.row_no) filter (where n.id in (select x.id from made as x)), '{}'),
                coalesce(pg_catalog.array_agg(n.row_no) filter (where n.id not in (select x.id from made as x)), '{}')
            into v_updated, v_named
            from due as n;
            insert into tandem.import_mark (import_id, row_no, mark, subject)
            select p_import, n.row_no, 'suppressed', 'item_master'
            from pg_catalog.unnest(v_named) as n (row_no);
            v_suppressed := v_suppressed || v_named;
            v_rows := array(
                select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
            );
        end if;
    end if;
    if not v_has_variants then
        v_inserted := (
            select coalesce(pg_catalog.array_agg(r.row_no) filter (where r.i_item in (select n.id from pg_catalog.unnest(v_new) as n (id))), '{}')
            from pg_catalog.unnest(v_rows) as r
        );
        return tandem._import_counts(r_counts, v_inserted, v_updated, v_suppressed);
    end if;

    -- item_variant
    if exists (select from pg_catalog.unnest(v_rows) as r where r.row_id is null) then
        v_ids := array(
            select distinct on (t.item_id, t.color_id, t.size_id) t.variant_id
            from pg_catalog.unnest(v_rows) as r
            cross join lateral (
                select t.* from public.item_variant as t
                where t.item_id = r.i_item and t.color_id = r.i_color and t.size_id = r.i_size and t.deleted_at is not null
                union all
                select t.* from public.item_variant as t
                where t.item_id = r.i_item and r.i_color is null and t.color_id is null and t.size_id = r.i_size and t.deleted_at is not null
                union all
                select t.* from public.item_variant as t
                where t.item_id = r.i_item and t.color_id = r.i_color and r.i_size is null and t.size_id is null and t.deleted_at is not null
                union all
                select t.* from public.item_variant as t
                where t.item_id = r.i_item and r.i_color is null and t.color_id is null and r.i_size is null and t.size_id is null and t.deleted_at is not null
            ) as t
            where r_job.deleted <> 'create' and not exists (
                select o.* from public.item_variant as o
                where o.item_id = t.item_id and o.color_id = t.color_id and o.size_id = t.size_id and o.deleted_at is null
                union all
                select o.* from public.item_variant as o
                where o.item_id = t.item_id and t.color_id is null and o.color_id is null and o.size_id = t.size_id and o.deleted_at is null
                union all
                select o.* from public.item_variant as o
                where o.item_id = t.item_id and o.color_id = t.color_id and t.size_id is null and o.size_id is null and o.deleted_at is null
                union all
                select o.* from public.item_variant as o
                where o.item_id = t.item_id and t.color_id is null and o.color_id is null and t.size_id is null and o.size_id is null and o.deleted_at is null
            )
            order by t.item_id, t.color_id, t.size_id, t.deleted_at desc, t.variant_id desc
        );
        if v_ids <> '{}' then
            v_named := array(
                select r.row_no from pg_catalog.unnest(v_rows) as r
                cross join lateral (
                    select t.* from public.item_variant as t
                    where t.item_id = r.i_item and t.color_id = r.i_color and t.size_id = r.i_size and t.deleted_at is not null
                    union all
                    select t.* from public.item_variant as t
                    where t.item_id = r.i_item and r.i_color is null and t.color_id is null and t.size_id = r.i_size and t.deleted_at is not null
                    union all
                    select t.* from public.item_variant as t
                    where t.item_id = r.i_item and t.color_id = r.i_color and r.i_size is null and t.size_id is null and t.deleted_at is not null
                    union all
                    select t.* from public.item_variant as t
                    where t.item_id = r.i_item and r.i_color is null and t.color_id is null and r.i_size is null and t.size_id is null and t.deleted_at is not null
                ) as t
                where t.variant_id = any (v_ids)
            );
            if r_job.deleted = 'error' then
                perform tandem._reject_import_row(
                    p_import, p_run, n.row_no, '23505',
                    'a deleted row of item_variant has its key',
                    'Bring that row back, name another, or import with deleted revive or create.'
                )
                from pg_catalog.unnest(v_named) as n (row_no);
                r_counts.failed := r_counts.failed + pg_catalog.cardinality(v_named);
                -- a row may have changed a master already, and is counted once
                v_updated := array(
                    select u.row_no from pg_catalog.unnest(v_updated) as u (row_no)
                    where u.row_no <> all (v_named)
                );
                v_rows := array(
                    select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
                );
            else
                perform from (select i.id from pg_catalog.unnest(v_ids) as i (id) order by i.id) as n
                cross join lateral (
                    select from public.item_variant as t
                    where t.variant_id = n.id
                    for no key update
                ) as t;
                with due as materialized (
                    select o.* from pg_catalog.unnest(v_ids) as n (id)
                    cross join lateral (
                        select t.ctid as place, t.deleted_at as gone, t.xmin as writer from public.item_variant as t
                        where t.variant_id = n.id
                        offset 0
                    ) as o
                    where o.gone is not null
                ),

                made as (
                    update public.item_variant as t
                    set deleted_at = null
                    from due as o
                    where t.ctid = o.place
                    returning t.variant_id as id,
                        pg_catalog.jsonb_build_object('deleted_at', o.gone) as before,
                        pg_catalog.jsonb_build_object('deleted_at', t.deleted_at) as after, o.writer
                )

                insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                select p_import, p_from, 'item_variant', 'revive',
                    pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after)), pg_catalog.array_agg(x.writer)
                from made as x
                having pg_catalog.count(*) > 0;
                v_updated := v_updated || v_named;
            end if;
        end if;
        if v_ids <> '{}' then
            v_differs := true;
            select pg_catalog.array_agg(row(
                r.row_no, case when r.row_id is null then case
                    when r.i_color is not null and r.i_size is not null then (
                        select t.variant_id from public.item_variant as t
                        where t.item_id = r.i_item and t.color_id = r.i_color and t.size_id = r.i_size and t.deleted_at is null
                    )
                    when r.i_color is null and r.i_size is not null then (
                        select t.variant_id from public.item_variant as t
                        where t.item_id = r.i_item and t.color_id is null and t.size_id = r.i_size and t.deleted_at is null
                    )
                    when r.i_color is not null and r.i_size is null then (
                        select t.variant_id from public.item_variant as t
                        where t.item_id = r.i_item and t.color_id = r.i_color and t.size_id is null and t.deleted_at is null
                    )
                    when r.i_color is null and r.i_size is null then (
                        select t.variant_id from public.item_variant as t
                        where t.item_id = r.i_item and t.color_id is null and t.size_id is null and t.deleted_at is null
                    )
                end else r.row_id end,
                r.k_color, r.i_color,
                r.k_size, r.i_size,
                r.k_item, r.i_item,
                r.f_color,
                r.f_size,
                r.f_name,
                r.f_description,
                r.f_sku,
                r.f_price,
                r.f_quantity
            )::tandem_items.batch_row)
            into v_rows from pg_catalog.unnest(v_rows) as r;
        end if;
        begin
            with made as (
                insert into public.item_variant as t (item_id, color_id, size_id, sku, price, quantity)
                select r.i_item, r.i_color, r.i_size, r.f_sku, r.f_price, r.f_quantity
                from pg_catalog.unnest(v_rows) as r
                where r.row_id is null
                order by r.i_item, r.i_color, r.i_size
                returning t.variant_id as id, null as before, (select i from (select t.item_id, t.color_id, t.size_id, t.sku, t.price, t.quantity) as i) as after
            ),

            kept as (
                insert into tandem.import_change (import_id, from_row, table_name, action, images)
                select p_import, p_from, 'item_variant', 'insert',
                    pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after))
                from made as x
                having pg_catalog.count(*) > 0
            )

            select coalesce(pg_catalog.array_agg(x.id), '{}') into v_new from made as x;
        -- another session was first with some of them, and has committed
        exception when unique_violation then
            with made as (
                insert into public.item_variant as t (item_id, color_id, size_id, sku, price, quantity)
                select r.i_item, r.i_color, r.i_size, r.f_sku, r.f_price, r.f_quantity
                from pg_catalog.unnest(v_rows) as r
                where r.row_id is null
                order by r.i_item, r.i_color, r.i_size
                on conflict (item_id, color_id, size_id) where deleted_at is null do nothing
                returning t.variant_id as id, null as before, (select i from (select t.item_id, t.color_id, t.size_id, t.sku, t.price, t.quantity) as i) as after
            ),

            kept as (
                insert into tandem.import_change (import_id, from_row, table_name, action, images)
                select p_import, p_from, 'item_variant', 'insert',
                    pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after))
                from made as x
                having pg_catalog.count(*) > 0
            )

            select coalesce(pg_catalog.array_agg(x.id), '{}') into v_new from made as x;
        end;
        v_inserted := array(
            select r.row_no from pg_catalog.unnest(v_rows) as r where r.row_id is null
        );
        if pg_catalog.cardinality(v_new) < pg_catalog.cardinality(v_inserted) then
            -- another session was first with some of them, or a trigger swallowed them
            select pg_catalog.array_agg(row(
                r.row_no, case when r.row_id is null then case
                    when r.i_color is not null and r.i_size is not null then (
                        select t.variant_id from public.item_variant as t
                        where t.item_id = r.i_item and t.color_id = r.i_color and t.size_id = r.i_size and t.deleted_at is null
                    )
                    when r.i_color is null and r.i_size is not null then (
                        select t.variant_id from public.item_variant as t
                        where t.item_id = r.i_item and t.color_id is null and t.size_id = r.i_size and t.deleted_at is null
                    )
                    when r.i_color is not null and r.i_size is null then (
                        select t.variant_id from public.item_variant as t
                        where t.item_id = r.i_item and t.color_id = r.i_color and t.size_id is null and t.deleted_at is null
                    )
                    when r.i_color is null and r.i_size is null then (
                        select t.variant_id from public.item_variant as t
                        where t.item_id = r.i_item and t.color_id is null and t.size_id is null and t.deleted_at is null
                    )
                end else r.row_id end,
                r.k_color, r.i_color,
                r.k_size, r.i_size,
                r.k_item, r.i_item,
                r.f_color,
                r.f_size,
                r.f_name,
                r.f_description,
                r.f_sku,
                r.f_price,
                r.f_quantity
            )::tandem_items.batch_row)
            into v_rows from pg_catalog.unnest(v_rows) as r;
            v_differs := true;
            v_named := array(
                select r.row_no from pg_catalog.unnest(v_rows) as r where r.row_id is null
            );
            insert into tandem.import_mark (import_id, row_no, mark, subject)
            select p_import, n.row_no, 'suppressed', 'item_variant'
            from pg_catalog.unnest(v_named) as n (row_no);
            v_suppressed := v_suppressed || v_named;
            v_rows := array(
                select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
            );
            v_inserted := array(
                select r.row_no from pg_catalog.unnest(v_rows) as r where r.row_id = any (v_new)
            );
            v_rows := array(
                select r from pg_catalog.unnest(v_rows) as r where r.row_id <> all (v_new)
            );
        end if;
    end if;
    if v_differs then
        perform from (
            select v.* from (
                select
                    r.row_id as id, r.row_no,
                    r.f_sku, v_places[5] is not null and (r.f_sku is not null or v_clears) as s_sku,
                    r.f_price, v_places[6] is not null and (r.f_price is not null or v_clears) as s_price,
                    r.f_quantity, v_places[7] is not null and (r.f_quantity is not null or v_clears) as s_quantity
                from pg_catalog.unnest(v_rows) as r
                where r.row_id is not null
            ) as v
            order by v.id
        ) as n
        cross join lateral (
            select from public.item_variant as t
            where t.variant_id = n.id and (n.s_sku and t.sku is distinct from n.f_sku or n.s_price and t.price is distinct from n.f_price or n.s_quantity and t.quantity is distinct from n.f_quantity)
            for no key update
        ) as t;
        if found then
            with due as materialized (
                select n.*, o.*
                from (
                    select
                        r.row_id as id, r.row_no,
                        r.f_sku, v_places[5] is not null and (r.f_sku is not null or v_clears) as s_sku,
                        r.f_price, v_places[6] is not null and (r.f_price is not null or v_clears) as s_price,
                        r.f_quantity, v_places[7] is not null and (r.f_quantity is not null or v_clears) as s_quantity
                    from pg_catalog.unnest(v_rows) as r
                    where r.row_id is not null
                ) as n
                cross join lateral (
                    select t.ctid as place, (select i from (select t.item_id, t.color_id, t.size_id, t.sku, t.price, t.quantity) as i) as before, t.xmin as writer
                    from public.item_variant as t
                    where t.variant_id = n.id and (n.s_sku and t.sku is distinct from n.f_sku or n.s_price and t.price is distinct from n.f_price or n.s_quantity and t.quantity is distinct from n.f_quantity)
                    offset 0
                ) as o
            ),

            made as (
                update public.item_variant as t
                set
                    sku = case when n.s_sku then n.f_sku else t.sku end,
                    price = case when n.s_price then n.f_price else t.price end,
                    quantity = case when n.s_quantity then n.f_quantity else t.quantity end
                from due as n
                where t.ctid = n.place
                returning t.variant_id as id, n.row_no, n.before, (select i from (select t.item_id, t.color_id, t.size_id, t.sku, t.price, t.quantity) as i) as after, n.writer
            ),

            kept as (
                insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                select p_import, p_from, 'item_variant', 'update',
                    pg_catalog.json_agg(pg_catalog.json_build_array(x.id, x.before, x.after)), pg_catalog.array_agg(x.writer)
                from made as x
                having pg_catalog.count(*) > 0
            )

            select
                v_updated || coalesce(pg_catalog.array_agg(n.row_no) filter (where n.id in (select x.id from made as x)), '{}'),
                coalesce(pg_catalog.array_agg(n.row_no) filter (where n.id not in (select x.id from made as x)), '{}')
            into v_updated, v_named
            from due as n;
            insert into tandem.import_mark (import_id, row_no, mark, subject)
            select p_import, n.row_no, 'suppressed', 'item_variant'
            from pg_catalog.unnest(v_named) as n (row_no);
            v_suppressed := v_suppressed || v_named;
            v_rows := array(
                select r from pg_catalog.unnest(v_rows) as r where r.row_no <> all (v_named)
            );
        end if;
    end if;
    return tandem._import_counts(r_counts, v_inserted, v_updated, v_suppressed);
end
$_write_rows$;

comment on function tandem_items._write_rows(bigint, bigint, integer, integer) is
'Writes the rows of an import from one number to another, those left out that are rejected or '
'superseded; says how many were inserted, updated, suppressed, failed, and tried.';

-- procedures/imports/_write_rows_locked.sql
-- The old path, kept until it is retired: what importers did before, so that both can be compared
-- and a flag can go back. It locks all tables of the import against every other writer to its end,
-- then looks for each row and inserts or updates it. What becomes of a row is what the new path
-- makes of it; a row is taken back by itself, as those importers did, by an EXCEPTION part for each.
create or replace function tandem_items._write_rows_locked(
    p_import bigint, p_run bigint, p_from integer, p_to integer
) returns tandem.import_counts
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $_write_rows_locked$
declare
    r_job tandem.import_job;
    r_counts tandem.import_counts := row(0, 0, 0, 0, 0);
    v_places integer[];
    v_clears boolean;
    v_has_variants boolean;
    v_deferred text := tandem._deferred_constraints('items');
    v_skipped integer[];
    v_overruled_description integer[];
    v_id bigint;
    v_before jsonb;
    v_after jsonb;
    v_writer xid;
    v_is_new boolean;
    v_is_updated boolean;
    v_outcome text;
    v_message text;
    v_hint text;
    v_failure jsonb;
    r_in tandem_items.batch_row;
begin
    -- pgtandem: allow lock: this is the old path
    lock table public.color_master in share row exclusive mode;
    -- pgtandem: allow lock: this is the old path
    lock table public.size_master in share row exclusive mode;
    -- pgtandem: allow lock: this is the old path
    lock table public.item_master in share row exclusive mode;
    -- pgtandem: allow lock: this is the old path
    lock table public.item_variant in share row exclusive mode;
    select j.* into strict r_job from tandem.import_job as j where j.import_id = p_import;
    v_places := r_job.places;
    v_clears := r_job.empty = 'clear';
    v_has_variants := v_places[1] is not null or v_places[2] is not null or v_places[5] is not null or v_places[6] is not null or v_places[7] is not null;
    v_skipped := array(
        select x.row_no from tandem.rejected_row as x
        where x.import_id = p_import and x.row_no between p_from and p_to
        union all
        select k.row_no from tandem.import_mark as k
        where k.import_id = p_import and k.row_no between p_from and p_to
            and k.mark = 'superseded'
    );
    v_overruled_description := array(
        select k.row_no from tandem.import_mark as k
        where k.import_id = p_import and k.row_no between p_from and p_to
            and k.mark = 'overruled' and k.subject = 'description'
    );
    for r_in in
        select
            p.row_no, null,
            p.k_color, null,
            p.k_size, null,
            p.k_item, null,
            p.f_color,
            p.f_size,
            p.f_name,
            p.f_description,
            p.f_sku,
            p.f_price::numeric(12, 2),
            p.f_quantity::integer
        from (
select
            f.*,
            nullif(tandem.import_key(f.f_color), '') as k_color,
            nullif(tandem.import_key(f.f_size), '') as k_size,
            case when not tandem.is_blank(f.f_name) then f.f_name end as k_item
        from (
            select
                r.row_no, r.line_no, r.fault,
                nullif(r.content[v_places[1]], '') as f_color,
                nullif(r.content[v_places[2]], '') as f_size,
                nullif(r.content[v_places[3]], '') as f_name,
                nullif(r.content[v_places[4]], '') as f_description,
                nullif(r.content[v_places[5]], '') as f_sku,
                nullif(pg_catalog.btrim(r.content[v_places[6]]), '') as f_price,
                nullif(pg_catalog.btrim(r.content[v_places[7]]), '') as f_quantity
            from tandem.import_row as r
            where r.import_id = p_import and r.is_durable = r_job.is_durable
                    and r.row_no between p_from and p_to and r.row_no <> all (v_skipped)
            offset 0
        ) as f
        offset 0
        ) as p
        order by p.row_no
    loop
        r_counts.tried := r_counts.tried + 1;
        v_is_new := false;
        v_is_updated := false;
        begin
            if v_deferred is not null then
                execute pg_catalog.format('set constraints %s deferred', v_deferred);
            end if;
            <<a_row>>
            begin

                -- color_master
                if r_in.k_color is not null then
                    select t.color_id into r_in.i_color from public.color_master as t
                    where tandem.import_key(t.color_name) = r_in.k_color and t.deleted_at is null;
                    if r_in.i_color is null then
                        if r_job.deleted <> 'create' then
                            select t.color_id into v_id from public.color_master as t
                            where tandem.import_key(t.color_name) = r_in.k_color and t.deleted_at is not null
                            order by t.deleted_at desc, t.color_id desc
                            limit 1;
                            if v_id is not null and r_job.deleted = 'error' then
                                perform tandem._reject_import_row(
                                    p_import, p_run, r_in.row_no, '23505',
                                    'a deleted row of color_master has its key',
                                    'Bring that row back, name another, or import with deleted revive or create.'
                                );
                                v_outcome := 'failed';
                                exit a_row;
                            elsif v_id is not null then
                                v_is_updated := true;
                                update public.color_master as t set deleted_at = null
                                from public.color_master as o
                                where t.color_id = v_id and o.color_id = v_id
                                returning pg_catalog.jsonb_build_object('deleted_at', o.deleted_at),
                                    pg_catalog.jsonb_build_object('deleted_at', t.deleted_at), o.xmin
                                into v_before, v_after, v_writer;
                                if found then
                                    insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                                    values (p_import, r_in.row_no, 'color_master', 'revive',
                                        pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, v_before, v_after)), array[v_writer]);
                                end if;
                            end if;
                        end if;
                        select t.color_id into r_in.i_color from public.color_master as t
                        where tandem.import_key(t.color_name) = r_in.k_color and t.deleted_at is null;
                    end if;
                    if r_in.i_color is null then
                        insert into public.color_master as t (color_name)
                        values (tandem._trim(r_in.f_color))
                        returning t.color_id, pg_catalog.jsonb_build_object('color_name', t.color_name) into v_id, v_after;
                        if found then
                            insert into tandem.import_change (import_id, from_row, table_name, action, images)
                            values (p_import, r_in.row_no, 'color_master', 'insert',
                                pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, null, v_after)));
                        end if;
                        select t.color_id into r_in.i_color from public.color_master as t
                        where tandem.import_key(t.color_name) = r_in.k_color and t.deleted_at is null;
                    end if;
                end if;

                -- size_master
                if r_in.k_size is not null then
                    select t.size_id into r_in.i_size from public.size_master as t
                    where tandem.import_key(t.size_name) = r_in.k_size and t.deleted_at is null;
                    if r_in.i_size is null then
                        if r_job.deleted <> 'create' then
                            select t.size_id into v_id from public.size_master as t
                            where tandem.import_key(t.size_name) = r_in.k_size and t.deleted_at is not null
                            order by t.deleted_at desc, t.size_id desc
                            limit 1;
                            if v_id is not null and r_job.deleted = 'error' then
                                perform tandem._reject_import_row(
                                    p_import, p_run, r_in.row_no, '23505',
                                    'a deleted row of size_master has its key',
                                    'Bring that row back, name another, or import with deleted revive or create.'
                                );
                                v_outcome := 'failed';
                                exit a_row;
                            elsif v_id is not null then
                                v_is_updated := true;
                                update public.size_master as t set deleted_at = null
                                from public.size_master as o
                                where t.size_id = v_id and o.size_id = v_id
                                returning pg_catalog.jsonb_build_object('deleted_at', o.deleted_at),
                                    pg_catalog.jsonb_build_object('deleted_at', t.deleted_at), o.xmin
                                into v_before, v_after, v_writer;
                                if found then
                                    insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                                    values (p_import, r_in.row_no, 'size_master', 'revive',
                                        pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, v_before, v_after)), array[v_writer]);
                                end if;
                            end if;
                        end if;
                        select t.size_id into r_in.i_size from public.size_master as t
                        where tandem.import_key(t.size_name) = r_in.k_size and t.deleted_at is null;
                    end if;
                    if r_in.i_size is null then
                        insert into public.size_master as t (size_name)
                        values (tandem._trim(r_in.f_size))
                        returning t.size_id, pg_catalog.jsonb_build_object('size_name', t.size_name) into v_id, v_after;
                        if found then
                            insert into tandem.import_change (import_id, from_row, table_name, action, images)
                            values (p_import, r_in.row_no, 'size_master', 'insert',
                                pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, null, v_after)));
                        end if;
                        select t.size_id into r_in.i_size from public.size_master as t
                        where tandem.import_key(t.size_name) = r_in.k_size and t.deleted_at is null;
                    end if;
                end if;

                -- item_master
                if r_in.k_item is not null then
                    select t.item_id into r_in.i_item from public.item_master as t
                    where t.name = r_in.k_item and t.deleted_at is null;
                    if r_in.i_item is null then
                        if r_job.deleted <> 'create' then
                            select t.item_id into v_id from public.item_master as t
                            where t.name = r_in.k_item and t.deleted_at is not null
                            order by t.deleted_at desc, t.item_id desc
                            limit 1;
                            if v_id is not null and r_job.deleted = 'error' then
                                perform tandem._reject_import_row(
                                    p_import, p_run, r_in.row_no, '23505',
                                    'a deleted row of item_master has its key',
                                    'Bring that row back, name another, or import with deleted revive or create.'
                                );
                                v_outcome := 'failed';
                                exit a_row;
                            elsif v_id is not null then
                                v_is_updated := true;
                                update public.item_master as t set deleted_at = null
                                from public.item_master as o
                                where t.item_id = v_id and o.item_id = v_id
                                returning pg_catalog.jsonb_build_object('deleted_at', o.deleted_at),
                                    pg_catalog.jsonb_build_object('deleted_at', t.deleted_at), o.xmin
                                into v_before, v_after, v_writer;
                                if found then
                                    insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                                    values (p_import, r_in.row_no, 'item_master', 'revive',
                                        pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, v_before, v_after)), array[v_writer]);
                                end if;
                            end if;
                        end if;
                        select t.item_id into r_in.i_item from public.item_master as t
                        where t.name = r_in.k_item and t.deleted_at is null;
                    end if;
                    if r_in.i_item is null then
                        insert into public.item_master as t (name, description)
                        values (r_in.f_name, r_in.f_description)
                        returning t.item_id, pg_catalog.jsonb_build_object('name', t.name, 'description', t.description) into v_id, v_after;
                        if found then
                            insert into tandem.import_change (import_id, from_row, table_name, action, images)
                            values (p_import, r_in.row_no, 'item_master', 'insert',
                                pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, null, v_after)));
                        end if;
                        v_is_new := not v_has_variants and v_id is not null;
                        select t.item_id into r_in.i_item from public.item_master as t
                        where t.name = r_in.k_item and t.deleted_at is null;
                    end if;
                end if;
                if r_in.k_color is not null and r_in.i_color is null then
                    insert into tandem.import_mark (import_id, row_no, mark, subject)
                    values (p_import, r_in.row_no, 'suppressed', 'color_master');
                    v_outcome := 'suppressed';
                    exit a_row;
                end if;
                if r_in.k_size is not null and r_in.i_size is null then
                    insert into tandem.import_mark (import_id, row_no, mark, subject)
                    values (p_import, r_in.row_no, 'suppressed', 'size_master');
                    v_outcome := 'suppressed';
                    exit a_row;
                end if;
                if r_in.k_item is not null and r_in.i_item is null then
                    insert into tandem.import_mark (import_id, row_no, mark, subject)
                    values (p_import, r_in.row_no, 'suppressed', 'item_master');
                    v_outcome := 'suppressed';
                    exit a_row;
                end if;
                if v_places[4] is not null then
                    select pg_catalog.jsonb_build_object('name', t.name, 'description', t.description), t.xmin into v_before, v_writer from public.item_master as t
                    where t.item_id = r_in.i_item and (
                        v_places[4] is not null and (r_in.f_description is not null or v_clears) and not r_in.row_no = any (v_overruled_description) and t.description is distinct from r_in.f_description
                    );
                    if found then
                        update public.item_master as t
                        set
                            description = case when v_places[4] is not null and (r_in.f_description is not null or v_clears) and not r_in.row_no = any (v_overruled_description) then r_in.f_description else t.description end
                        where t.item_id = r_in.i_item
                        returning t.item_id, pg_catalog.jsonb_build_object('name', t.name, 'description', t.description) into v_id, v_after;
                        if not found then
                            insert into tandem.import_mark (import_id, row_no, mark, subject)
                            values (p_import, r_in.row_no, 'suppressed', 'item_master');
                            v_outcome := 'suppressed';
                            exit a_row;
                        end if;
                        v_is_updated := true;
                        insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                        values (p_import, r_in.row_no, 'item_master', 'update',
                            pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, v_before, v_after)), array[v_writer]);
                    end if;
                end if;

                -- item_variant
                if v_has_variants then
                    if r_in.i_color is not null and r_in.i_size is not null then
                        select t.variant_id into r_in.row_id from public.item_variant as t
                        where t.item_id = r_in.i_item and t.color_id = r_in.i_color and t.size_id = r_in.i_size and t.deleted_at is null;
                    else
                        select t.variant_id into r_in.row_id from public.item_variant as t
                        where t.item_id = r_in.i_item and t.color_id is not distinct from r_in.i_color and t.size_id is not distinct from r_in.i_size and t.deleted_at is null;
                    end if;
                    if r_in.row_id is null then
                        if r_job.deleted <> 'create' then
                            select t.variant_id into v_id from public.item_variant as t
                            where t.item_id = r_in.i_item and t.color_id is not distinct from r_in.i_color and t.size_id is not distinct from r_in.i_size and t.deleted_at is not null
                            order by t.deleted_at desc, t.variant_id desc
                            limit 1;
                            if v_id is not null and r_job.deleted = 'error' then
                                perform tandem._reject_import_row(
                                    p_import, p_run, r_in.row_no, '23505',
                                    'a deleted row of item_variant has its key',
                                    'Bring that row back, name another, or import with deleted revive or create.'
                                );
                                v_outcome := 'failed';
                                exit a_row;
                            elsif v_id is not null then
                                v_is_updated := true;
                                update public.item_variant as t set deleted_at = null
                                from public.item_variant as o
                                where t.variant_id = v_id and o.variant_id = v_id
                                returning pg_catalog.jsonb_build_object('deleted_at', o.deleted_at),
                                    pg_catalog.jsonb_build_object('deleted_at', t.deleted_at), o.xmin
                                into v_before, v_after, v_writer;
                                if found then
                                    insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                                    values (p_import, r_in.row_no, 'item_variant', 'revive',
                                        pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, v_before, v_after)), array[v_writer]);
                                end if;
                            end if;
                        end if;
                        if r_in.i_color is not null and r_in.i_size is not null then
                            select t.variant_id into r_in.row_id from public.item_variant as t
                            where t.item_id = r_in.i_item and t.color_id = r_in.i_color and t.size_id = r_in.i_size and t.deleted_at is null;
                        else
                            select t.variant_id into r_in.row_id from public.item_variant as t
                            where t.item_id = r_in.i_item and t.color_id is not distinct from r_in.i_color and t.size_id is not distinct from r_in.i_size and t.deleted_at is null;
                        end if;
                    end if;
                    if r_in.row_id is null then
                        insert into public.item_variant as t (item_id, color_id, size_id, sku, price, quantity)
                        values (r_in.i_item, r_in.i_color, r_in.i_size, r_in.f_sku, r_in.f_price, r_in.f_quantity)
                        returning t.variant_id, pg_catalog.jsonb_build_object('item_id', t.item_id, 'color_id', t.color_id, 'size_id', t.size_id, 'sku', t.sku, 'price', t.price, 'quantity', t.quantity) into v_id, v_after;
                        if found then
                            insert into tandem.import_change (import_id, from_row, table_name, action, images)
                            values (p_import, r_in.row_no, 'item_variant', 'insert',
                                pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, null, v_after)));
                        end if;
                        v_is_new := v_id is not null;
                        if r_in.i_color is not null and r_in.i_size is not null then
                            select t.variant_id into r_in.row_id from public.item_variant as t
                            where t.item_id = r_in.i_item and t.color_id = r_in.i_color and t.size_id = r_in.i_size and t.deleted_at is null;
                        else
                            select t.variant_id into r_in.row_id from public.item_variant as t
                            where t.item_id = r_in.i_item and t.color_id is not distinct from r_in.i_color and t.size_id is not distinct from r_in.i_size and t.deleted_at is null;
                        end if;
                        if r_in.row_id is null then
                            insert into tandem.import_mark (import_id, row_no, mark, subject)
                            values (p_import, r_in.row_no, 'suppressed', 'item_variant');
                            v_outcome := 'suppressed';
                            exit a_row;
                        end if;
                    elsif v_places[5] is not null or v_places[6] is not null or v_places[7] is not null then
                        select pg_catalog.jsonb_build_object('item_id', t.item_id, 'color_id', t.color_id, 'size_id', t.size_id, 'sku', t.sku, 'price', t.price, 'quantity', t.quantity), t.xmin into v_before, v_writer from public.item_variant as t
                        where t.variant_id = r_in.row_id and (
                            v_places[5] is not null and (r_in.f_sku is not null or v_clears) and t.sku is distinct from r_in.f_sku or
                            v_places[6] is not null and (r_in.f_price is not null or v_clears) and t.price is distinct from r_in.f_price or
                            v_places[7] is not null and (r_in.f_quantity is not null or v_clears) and t.quantity is distinct from r_in.f_quantity
                        );
                        if found then
                            update public.item_variant as t
                            set
                                sku = case when v_places[5] is not null and (r_in.f_sku is not null or v_clears) then r_in.f_sku else t.sku end,
                                price = case when v_places[6] is not null and (r_in.f_price is not null or v_clears) then r_in.f_price else t.price end,
                                quantity = case when v_places[7] is not null and (r_in.f_quantity is not null or v_clears) then r_in.f_quantity else t.quantity end
                            where t.variant_id = r_in.row_id
                            returning t.variant_id, pg_catalog.jsonb_build_object('item_id', t.item_id, 'color_id', t.color_id, 'size_id', t.size_id, 'sku', t.sku, 'price', t.price, 'quantity', t.quantity) into v_id, v_after;
                            if not found then
                                insert into tandem.import_mark (import_id, row_no, mark, subject)
                                values (p_import, r_in.row_no, 'suppressed', 'item_variant');
                                v_outcome := 'suppressed';
                                exit a_row;
                            end if;
                            v_is_updated := true;
                            insert into tandem.import_change (import_id, from_row, table_name, action, images, overwrote)
                            values (p_import, r_in.row_no, 'item_variant', 'update',
                                pg_catalog.json_build_array(pg_catalog.json_build_array(v_id, v_before, v_after)), array[v_writer]);
                        end if;
                    end if;
                end if;
                v_outcome := case when v_is_new then 'inserted' when v_is_updated then 'updated' else 'unchanged' end;
            end;
            if v_deferred is not null then
                execute pg_catalog.format('set constraints %s immediate', v_deferred);
            end if;
        -- lint: others: a row may raise anything; it is kept back or raised again
        exception when others then
            get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint;
            v_failure := tandem._failure(sqlstate, v_message);
            if (v_failure ->> 'retry')::boolean or not (v_failure ->> 'row')::boolean then
                raise;
            end if;
            perform tandem._reject_import_row(
                p_import, p_run, r_in.row_no, sqlstate, v_message, v_hint
            );
            v_outcome := 'failed';
        end;
        r_counts.inserted := r_counts.inserted + (v_outcome = 'inserted')::integer;
        r_counts.updated := r_counts.updated + (v_outcome = 'updated')::integer;
        r_counts.suppressed := r_counts.suppressed + (v_outcome = 'suppressed')::integer;
        r_counts.failed := r_counts.failed + (v_outcome = 'failed')::integer;
    end loop;
    perform tandem._gather_changes(p_import, p_from, p_to, r_job.batch_rows);
    return r_counts;
end
$_write_rows_locked$;

comment on function tandem_items._write_rows_locked(bigint, bigint, integer, integer) is
'The old path of an import: locks its tables against all other writers, then writes row by row. '
'Counts as _write_rows does.';
