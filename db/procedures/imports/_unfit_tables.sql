-- What the catalog says of the tables of an import that are there. A blocker stops prepare.
create or replace function tandem._unfit_tables(p_mapping text)
returns table (severity text, finding text, subject text, cure text)
language sql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_unfit_tables$
    with mapping as (
        select m.definition from tandem._mapping_of(p_mapping) as m
    ),

    relations as (
        select t.key as relation, pg_catalog.to_regclass(t.key) as oid
        from mapping as m
        cross join lateral pg_catalog.jsonb_each(m.definition -> 'tables') as t
        where pg_catalog.to_regclass(t.key) is not null
    ),

    parts as (
        select p.item from mapping as m
        cross join lateral pg_catalog.jsonb_array_elements(m.definition -> 'parts') as p (item)
    )

    select 'blocker', x.finding, r.relation, x.cure
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
        pg_catalog.format('ALTER TABLE %s ADD PRIMARY KEY (%I);', r.relation,
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
        'blocker', pg_catalog.format('has the rule %I, and INSERT ... ON CONFLICT allows none',
            w.rulename), r.relation, pg_catalog.format(
            'Make it a trigger, then DROP RULE %I ON %s;', w.rulename, r.relation)
    from relations as r
    -- of an UPDATE and of an INSERT
    join pg_catalog.pg_rewrite as w on w.ev_class = r.oid and w.ev_type in ('2', '3')
$_unfit_tables$;

comment on function tandem._unfit_tables(text) is
'Tables that no import can be written to: why, and the cure.';
