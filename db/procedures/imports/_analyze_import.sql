-- What the catalog and the rows say about the tables of an import. A blocker stops prepare.
create or replace function tandem._analyze_import(p_mapping text)
returns table (
    severity text, finding text, subject text, occurrences bigint, sample text, cure text
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_analyze_import$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
begin
    if pg_catalog.getdatabaseencoding() <> 'UTF8' then
        return query
        select
            'blocker', 'names are compared in Unicode''s normal form, which needs UTF8',
            pg_catalog.current_database()::text, 1::bigint,
            pg_catalog.getdatabaseencoding()::text,
            'Move the database to UTF8 (pg_dump, createdb -E UTF8), or match all names exactly.';
    end if;
    return query
    with relations as (
        select
            t.key as relation, pg_catalog.to_regclass(t.key) as oid, t.value -> 'columns' as columns
        from pg_catalog.jsonb_each(v_definition -> 'tables') as t
        where pg_catalog.to_regclass(t.key) is not null
    ),

    parts as (
        select p.item from pg_catalog.jsonb_array_elements(v_definition -> 'parts') as p (item)
    )

    select 'blocker', x.finding, r.relation, 1::bigint, null::text, x.cure
    from relations as r
    join pg_catalog.pg_class as c on c.oid = r.oid
    join pg_catalog.pg_namespace as n on n.nspname = 'tandem'
    cross join lateral (
        values
        (
            c.relowner <> n.nspowner, 'is not a table of the role that deployed',
            pg_catalog.format('Its owner deploys, or: ALTER TABLE %s OWNER TO %I;', r.relation,
                current_user)
        ),
        (
            c.relowner = n.nspowner and c.relkind <> 'r', pg_catalog.format(
                'is %s, and an import writes into ordinary tables', case c.relkind
                    when 'p' then 'partitioned' when 'v' then 'a view'
                    when 'm' then 'a materialized view' when 'f' then 'a foreign table'
                    else 'no table' end
            ), 'Name the table that holds the rows in the mapping.'
        ),
        (
            c.relkind = 'r' and c.relpersistence <> 'p', 'is unlogged: a crash empties it',
            pg_catalog.format('ALTER TABLE %s SET LOGGED;', r.relation)
        ),
        (
            c.relkind = 'r' and exists (
                select from pg_catalog.pg_inherits as h where h.inhparent = c.oid
            ), 'has tables that inherit from it, whose rows no unique index of it sees',
            pg_catalog.format('ALTER TABLE ... NO INHERIT %s;', r.relation)
        )
    ) as x (applies, finding, cure)
    where x.applies
    union all
    select
        'blocker', pg_catalog.format('column %I is not unique', p.item ->> 'id'), r.relation,
        1::bigint, null, pg_catalog.format('ALTER TABLE %s ADD PRIMARY KEY (%I);', r.relation,
            p.item ->> 'id')
    from parts as p
    join relations as r on r.relation = p.item ->> 'relation'
    join pg_catalog.pg_class as c on c.oid = r.oid and c.relkind = 'r'
    join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attname = p.item ->> 'id'
    where not exists (
        select from pg_catalog.pg_index as i
        where i.indrelid = r.oid and i.indisunique and i.indisvalid and i.indimmediate
            and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
    )
    union all
    select
        'blocker', pg_catalog.format('key column %I is %s, which says nothing of blanks at the end',
            a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), r.relation, 1::bigint,
        null, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I TYPE text;', r.relation, a.attname)
    from parts as p
    join relations as r on r.relation = p.item ->> 'relation'
    join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attname = p.item -> 'key' ->> 0
    where a.atttypid = 'character'::regtype
    union all
    select
        'blocker', pg_catalog.format('key column %I is %s, to which names are the same that an '
            'import tells apart', a.attname, coalesce(
            'of the collation ' || o.oid::regcollation, pg_catalog.format_type(t.oid, null))),
        r.relation, 1::bigint, null, pg_catalog.format(
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
        'blocker', pg_catalog.format('column %I is absent', c.key), r.relation, 1::bigint, null,
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
            a.attname), r.relation, 1::bigint, null,
        pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT ...; or map a field to it.',
            r.relation, a.attname)
    from relations as r
    join pg_catalog.pg_attribute as a on a.attrelid = r.oid
    where a.attnum > 0 and not a.attisdropped and a.attnotnull and not a.atthasdef
        and a.attidentity = '' and not r.columns ? a.attname
    union all
    select
        'blocker', pg_catalog.format('column %I is generated', a.attname), r.relation, 1::bigint,
        null, pg_catalog.format('Take it out of the mapping; or ALTER TABLE %s ALTER COLUMN %I '
            'DROP EXPRESSION;', r.relation, a.attname)
    from relations as r
    join pg_catalog.pg_attribute as a on a.attrelid = r.oid and r.columns ? a.attname
    where a.attgenerated <> ''
    union all
    select
        'blocker', pg_catalog.format('column %I is not null, so no row can be live', a.attname),
        r.relation, 1::bigint, null, pg_catalog.format(
            'ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', r.relation, a.attname)
    from relations as r
    join parts as p on p.item ->> 'relation' = r.relation
    join pg_catalog.pg_attribute as a
        on a.attrelid = r.oid and a.attname = p.item ->> 'deleted' and not a.attisdropped
    where a.attnotnull
    union all
    select
        'blocker', pg_catalog.format('has the rule %I, and INSERT ... ON CONFLICT allows none',
            w.rulename), r.relation, 1::bigint, null, pg_catalog.format(
            'Make it a trigger, then DROP RULE %I ON %s;', w.rulename, r.relation)
    from relations as r
    -- of an UPDATE and of an INSERT
    join pg_catalog.pg_rewrite as w on w.ev_class = r.oid and w.ev_type in ('2', '3')
    union all
    -- values are tested by the mapping's type before they are written
    select
        -- what is of another kind, such as an enum for a text, can be neither compared nor written
        case when t.typcategory <> m.typcategory and not exists (
            select from pg_catalog.pg_cast as k
            where k.castsource = m.oid and k.casttarget = t.oid and k.castcontext <> 'e'
        ) then 'blocker' else 'warning' end,
        pg_catalog.format('column %I is %s, the mapping says %s', a.attname,
            pg_catalog.format_type(a.atttypid, a.atttypmod), c.value), r.relation, 1::bigint, null,
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
    union all
    select
        'warning', pg_catalog.format('%s has no search_path of its own', o.function_name),
        r.relation, 1::bigint, null, pg_catalog.format(
            'ALTER FUNCTION %s SET search_path = ...; an import fires it with %s.',
            o.function_name, v_definition ->> 'path')
    from relations as r
    cross join lateral tandem._own_code(r.oid, null) as o
    where o.is_trigger and o.path is null
    union all
    select
        'warning', 'an index that was not finished is there beside its own',
        i.indexrelid::regclass::text, 1::bigint, null,
        pg_catalog.format('DROP INDEX CONCURRENTLY %s;', i.indexrelid::regclass)
    from relations as r
    join pg_catalog.pg_index as i on i.indrelid = r.oid
    where not i.indisvalid
    union all
    select
        'blocker', 'rows have the same key, which the unique index forbids', g.relation::text,
        g.groups, g.key, pg_catalog.format(
            'SELECT * FROM tandem.find_duplicates(%1$L); then SELECT tandem.plan_duplicates(%1$L);',
            p_mapping)
    from tandem._duplicate_groups(p_mapping, 1, false) as g;
end
$_analyze_import$;

comment on function tandem._analyze_import(text) is
'The findings of tandem.analyze for a mapping of an import.';
