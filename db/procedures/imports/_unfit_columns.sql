-- What the catalog says of the columns of tables that are there. A blocker stops prepare.
create or replace function tandem._unfit_columns(p_mapping text)
returns table (severity text, finding text, subject text, cure text)
language sql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_unfit_columns$
    with mapping as (
        select m.definition from tandem._mapping_of(p_mapping) as m
    ),

    relations as (
        select
            t.key as relation, pg_catalog.to_regclass(t.key) as oid, t.value -> 'columns' as columns
        from mapping as m
        cross join lateral pg_catalog.jsonb_each(m.definition -> 'tables') as t
        where pg_catalog.to_regclass(t.key) is not null
    ),

    parts as (
        select p.item from mapping as m
        cross join lateral pg_catalog.jsonb_array_elements(m.definition -> 'parts') as p (item)
    )

    select
        'blocker', pg_catalog.format('key column %I is %s, which says nothing of blanks at the end',
            a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), r.relation,
        pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I TYPE text;', r.relation, a.attname)
    from parts as p
    join relations as r on r.relation = p.item ->> 'relation'
    join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attname = p.item -> 'key' ->> 0
    where a.atttypid = 'character'::regtype
    union all
    select
        'blocker', pg_catalog.format('key column %I is %s, to which names are the same that an '
            'import tells apart', a.attname, coalesce(
            'of the collation ' || o.oid::regcollation, pg_catalog.format_type(t.oid, null))),
        r.relation, pg_catalog.format(
            'ALTER TABLE %s ALTER COLUMN %I TYPE text COLLATE "default"; match = "normalised" in '
            'the mapping is for names in which case makes no difference.', r.relation, a.attname)
    from parts as p
    join relations as r on r.relation = p.item ->> 'relation'
    join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attname = p.item -> 'key' ->> 0
    join pg_catalog.pg_type as t on t.oid = a.atttypid
    left join pg_catalog.pg_collation as o on o.oid = a.attcollation and not o.collisdeterministic
    -- where names are matched by a function of ours, what that returns is a text
    where p.item -> 'references' is null and (
        o.oid is not null or p.item ->> 'match' = 'exact' and (
            t.typname = 'citext' or t.typbasetype in (
                select b.oid from pg_catalog.pg_type as b where b.typname = 'citext'
            )
        )
    )
    union all
    select
        'blocker', pg_catalog.format('column %I is absent', c.key), r.relation,
        pg_catalog.format(
            'ALTER TABLE %s ADD COLUMN %I %s; or take it out of the mapping.', r.relation, c.key,
            c.value
        )
    from relations as r
    cross join lateral pg_catalog.jsonb_each_text(r.columns) as c
    where not exists (
        select from pg_catalog.pg_attribute as a
        where a.attrelid = r.oid and a.attname = c.key and a.attnum > 0 and not a.attisdropped
    ) and not exists (
        select from tandem._requirements(p_mapping) as q
        where q.kind = 'column' and q.relation = r.relation and q.object = c.key
    )
    union all
    select
        'blocker', pg_catalog.format('column %I needs a value, and the import has none for it',
            a.attname), r.relation,
        pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT ...; or map a field to it.',
            r.relation, a.attname)
    from relations as r
    join pg_catalog.pg_attribute as a on a.attrelid = r.oid
    where a.attnum > 0 and not a.attisdropped and a.attnotnull and not a.atthasdef
        and a.attidentity = '' and not r.columns ? a.attname
    union all
    select
        'blocker', pg_catalog.format('column %I is generated', a.attname), r.relation,
        pg_catalog.format('Take it out of the mapping; or ALTER TABLE %s ALTER COLUMN %I '
            'DROP EXPRESSION;', r.relation, a.attname)
    from relations as r
    join pg_catalog.pg_attribute as a on a.attrelid = r.oid and r.columns ? a.attname
    where a.attgenerated <> ''
    union all
    select
        'blocker', pg_catalog.format('column %I is not null, so no row can be live', a.attname),
        r.relation, pg_catalog.format(
            'ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', r.relation, a.attname)
    from relations as r
    join parts as p on p.item ->> 'relation' = r.relation
    join pg_catalog.pg_attribute as a
        on a.attrelid = r.oid and a.attname = p.item ->> 'deleted' and not a.attisdropped
    where a.attnotnull
    union all
    -- values are tested by the mapping's type before they are written
    select
        -- what is of another kind, such as an enum for a text, can be neither compared nor written
        case when t.typcategory <> m.typcategory and not exists (
            select from pg_catalog.pg_cast as k
            where k.castsource = m.oid and k.casttarget = t.oid and k.castcontext <> 'e'
        ) then 'blocker' else 'warning' end,
        pg_catalog.format('column %I is %s, the mapping says %s', a.attname,
            pg_catalog.format_type(a.atttypid, a.atttypmod), c.value), r.relation,
        'Say in the mapping what it is: else a value that does not fit fails late, row by row. A '
        'column of another kind cannot be compared with it, and has to be left out.'
    from relations as r
    cross join lateral pg_catalog.jsonb_each_text(r.columns) as c
    join pg_catalog.pg_attribute as a
        on a.attrelid = r.oid and a.attname = c.key and not a.attisdropped
    join pg_catalog.pg_type as t on t.oid = a.atttypid
    join pg_catalog.pg_type as m on m.oid = c.value::regtype
    where pg_catalog.format_type(a.atttypid, a.atttypmod) not in (
        c.value, pg_catalog.regexp_replace(pg_catalog.regexp_replace(
            c.value, '^varchar', 'character varying'), e'^char\\M', 'character'),
        case c.value when 'timestamptz' then 'timestamp with time zone'
            when 'timestamp' then 'timestamp without time zone'
            when 'bigint' then 'integer' else c.value end
    )
$_unfit_columns$;

comment on function tandem._unfit_columns(text) is
'Columns that no import can be written to, or that their mapping has as something else: why, and '
'the cure.';
