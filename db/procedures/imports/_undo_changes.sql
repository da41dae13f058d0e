-- The rows are locked in the order of their ids, then compared with what the import left: only that
-- is taken back. Off every hot path, so that the statements are made here.
create or replace function tandem._undo_changes(
    p_import bigint, p_part jsonb, p_from integer, p_action text, p_rows integer, p_failure jsonb,
    out reversed bigint, out kept bigint, out errors bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
-- an image is compared with what a batch has made of the row
set extra_float_digits = 1
as $_undo_changes$
declare
    v_relation text := p_part ->> 'relation';
    v_id text := pg_catalog.quote_ident(p_part ->> 'id');
    v_type text;
    v_before text;
    v_after text;
    v_undo text;
    v_needed text;
    -- whose transactions may have written a row that this one inserted: also of a lower number, as
    -- what was handed in first may run last
    v_imports bigint[] := array(
        select o.import_id
        from tandem.import_job as o
        join tandem.import_job as j on j.import_id = p_import
        where (o.finished_at < j.started_at) is not true
    );
begin
    perform pg_catalog.set_config('search_path', tandem._path_of(j.mapping), true)
    from tandem.import_job as j
    where j.import_id = p_import;
    v_type := (
        select pg_catalog.format_type(a.atttypid, a.atttypmod) from pg_catalog.pg_attribute as a
        where a.attrelid = v_relation::regclass and a.attname = p_part ->> 'id'
    );
    -- The imported columns of a row as its images have them; and a time that an image has in the
    -- zone of the session that wrote it, in that of this one.
    select
        pg_catalog.format('pg_catalog.jsonb_build_object(%s)', pg_catalog.string_agg(
            pg_catalog.format('%L, t.%I', k.name, k.name), ', '
        )),
        coalesce(pg_catalog.format('d.after || pg_catalog.jsonb_build_object(%s)', nullif(
            pg_catalog.string_agg(pg_catalog.format(
                '%1$L, case when d.after ->> %1$L ~ ''^[0-9]+-[0-9-]+T[0-9:.]+[+-]'' '
                'then pg_catalog.to_jsonb((d.after ->> %1$L)::timestamptz) '
                'else d.after -> %1$L end', k.name
            ), ', ') filter (where a.atttypid = 'timestamptz'::regtype), ''
        )), 'd.after')
    into v_before, v_after
    from (
        select pg_catalog.json_object_keys(c.images -> 0 -> 2) as name
        from tandem.import_change as c
        where c.import_id = p_import and c.table_name = p_part ->> 'table'
            and c.from_row = p_from and c.action = p_action
    ) as k
    left join pg_catalog.pg_attribute as a
        on a.attrelid = v_relation::regclass and a.attname = k.name and not a.attisdropped;
    v_undo := case when p_action = 'insert' then 'delete from %1$s as t using due as d
            where t.%2$s = d.id and d.why is null and $5 is null returning t.%2$s'
        else (
            -- a name may hold what the format below would take for its own
            select 'update %1$s as t set ' || pg_catalog.replace(pg_catalog.string_agg(
                pg_catalog.format(
                    '%1$I = (pg_catalog.jsonb_populate_record(null::%2$s, d.before)).%1$I',
                    k.name, v_relation
                ), ', '), '%', '%%') || ' from due as d
            where t.%2$s = d.id and d.why is null and $5 is null returning t.%2$s'
            from (
                select pg_catalog.json_object_keys(c.images -> 0 -> 1) as name
                from tandem.import_change as c
                where c.import_id = p_import and c.table_name = p_part ->> 'table'
                    and c.from_row = p_from and c.action = p_action
            ) as k
        ) end;
    -- what refers to a row that is to go; code of another role's must not run as ours
    v_needed := case when p_action <> 'update' then (
        select pg_catalog.string_agg(case
            when not f.is_readable then pg_catalog.format(
                ' when true then %L', f.relation || ' may need it, and may not be read'
            )
            else pg_catalog.format(
                ' when exists (select from %s as o join %s as t on t.%s = d.id where %s) then %L',
                f.relation, v_relation, v_id, f.condition, 'a row of ' || f.relation || ' needs it'
            ) end, '')
        from (
            select r.relation::text as relation, r.is_readable, (
                select pg_catalog.string_agg(
                    pg_catalog.format('o.%I = t.%I', c.own, c.other), ' and '
                )
                from rows from (
                    pg_catalog.unnest(r.columns), pg_catalog.unnest(r.referenced)
                ) as c (own, other)
            ) as condition
            from tandem._references_to(v_relation::regclass) as r
            join pg_catalog.pg_constraint as k on k.oid = r.constraint_id
            -- what may not be read is left to a foreign key that refuses; what is deleted softly
            -- stays with what is
            where p_action = 'insert' and (r.is_readable or k.confdeltype not in ('a', 'r'))
            or p_action = 'revive' and r.relation not in (
                select (v.item ->> 'relation')::regclass
                from tandem.import_job as j
                cross join lateral tandem._mapping_of(j.mapping) as m
                cross join lateral pg_catalog.jsonb_array_elements(m.definition -> 'parts')
                    as v (item)
                where j.import_id = p_import
            )
            union all
            -- also where no foreign key says so
            select v.item ->> 'relation', true, pg_catalog.format(
                'o.%I = t.%s%s', e.key, v_id, case when p_action = 'revive' then
                    pg_catalog.format(' and o.%I is null', v.item ->> 'deleted') end
            )
            from tandem.import_job as j
            cross join lateral tandem._mapping_of(j.mapping) as m
            cross join lateral pg_catalog.jsonb_array_elements(m.definition -> 'parts') as v (item)
            cross join lateral pg_catalog.jsonb_each_text(
                coalesce(v.item -> 'references', '{}')
            ) as e
            where j.import_id = p_import and e.value = p_part ->> 'name'
        ) as f
    ) end;
    -- First the locks: who refers to a row meanwhile waits, and who did so before is seen by the
    -- next statement.
    execute pg_catalog.format(
        'select from %1$s as t
        where t.%2$s in (
            select (i.image ->> 0)::%3$s
            from tandem.import_change as c
            cross join lateral pg_catalog.jsonb_array_elements(c.images::jsonb) as i (image)
            where c.import_id = $1 and c.table_name = $2 and c.from_row = $3 and c.action = $4
        )
        order by t.%2$s
        for update',
        v_relation, v_id, v_type
    )
    using p_import, p_part ->> 'table', p_from, p_action;
    execute pg_catalog.format(
        'with image as (
            select (i.image ->> 0)::%3$s as id, i.image -> 1 as before, i.image -> 2 as after
            from tandem.import_change as c
            cross join lateral pg_catalog.jsonb_array_elements(c.images::jsonb) as i (image)
            where c.import_id = $1 and c.table_name = $2 and c.from_row = $3 and c.action = $4
                and not exists (
                    select from tandem.import_undone as u
                    where u.import_id = c.import_id and u.from_row = c.from_row
                        and u.table_name = c.table_name and u.row_id = i.image ->> 0
                        and u.action = c.action
                )
            order by id
            limit $6
        ),

        locked as (
            select t.%2$s as id, %4$s as now, t.xmin as writer
            from %1$s as t
            join image as i on i.id = t.%2$s
        ),

        -- the transactions that have written this table for imports
        ours as materialized (
            select c.xmin as writer from tandem.import_change as c
            where c.import_id = any ($7) and c.table_name = $2
            union
            select w.writer from tandem.import_change as c
            cross join lateral pg_catalog.unnest(c.written_by) as w (writer)
            where c.import_id = any ($7) and c.table_name = $2
            union
            select u.xmin from tandem.import_undone as u
            where u.import_id = any ($7) and u.table_name = $2 and u.action <> ''insert''
        ),

        -- what another transaction had written before one of those wrote over it
        hidden as materialized (
            select o.image ->> 0 as row_id
            from tandem.import_change as c
            cross join lateral rows from (
                pg_catalog.json_array_elements(c.images), pg_catalog.unnest(c.overwrote)
            ) as o (image, writer)
            where c.import_id = any ($7) and c.table_name = $2 and c.action <> ''insert''
                and o.writer not in (select w.writer from ours as w)
            union
            select u.row_id from tandem.import_undone as u
            where u.import_id = any ($7) and u.table_name = $2
                and u.overwrote not in (select w.writer from ours as w)
        ),

        due as materialized (
            select d.*, case
                when d.now is null then ''it is not there any more''
                when d.now <> %7$s then ''it was edited since''
                -- to be removed with columns that we know nothing of
                when $4 = ''insert'' and (
                    d.writer not in (select w.writer from ours as w)
                    or d.id::text in (select h.row_id from hidden as h)
                ) then ''something else has written it since''
                %5$s
            end as why
            from (
                select i.id, i.before, i.after, l.now, l.writer
                from image as i
                left join locked as l on l.id = i.id
            ) as d
        ),

        undone as (
            %6$s
        ),

        noted as (
            insert into tandem.import_undone (
                import_id, from_row, table_name, row_id, action, outcome, why, overwrote
            )
            select
                $1, $3, $2, d.id::text, $4,
                case when $5 is not null then ''error'' when u.id is not null then ''reversed''
                    else ''kept'' end,
                coalesce($5, d.why, case when u.id is null then ''a trigger kept it'' end),
                case when $4 <> ''insert'' and u.id is not null then d.writer end
            from due as d
            left join undone as u (id) on u.id = d.id
            returning outcome
        )

        select
            pg_catalog.count(*) filter (where n.outcome = ''reversed''),
            pg_catalog.count(*) filter (where n.outcome = ''kept''),
            pg_catalog.count(*) filter (where n.outcome = ''error'')
        from noted as n',
        v_relation, v_id, v_type, v_before, v_needed,
        pg_catalog.format(v_undo, v_relation, v_id), v_after
    )
    into reversed, kept, errors
    using p_import, p_part ->> 'table', p_from, p_action, p_failure ->> 'message', p_rows,
        v_imports;
end
$_undo_changes$;

comment on function tandem._undo_changes(bigint, jsonb, integer, text, integer, jsonb) is
'Takes back changes of one batch of an import in one table, those that nobody has touched since, '
'and notes what became of each. p_failure: why the next one, which was tried alone, cannot be.';
