-- What the catalog says about a mapping's tables. A blocker stops prepare.
create or replace function tandem._analyze_schema(p_mapping text)
returns table (
    severity text, finding text, subject text, occurrences bigint, sample text, cure text
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_analyze_schema$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_flat_name text := v_definition ->> 'flat';
    v_flat regclass := pg_catalog.to_regclass(v_flat_name);
    v_new_key regprocedure := pg_catalog.to_regprocedure(v_definition ->> 'new_key');
    v_bypass boolean := (
        select r.rolsuper or r.rolbypassrls from pg_catalog.pg_roles as r
        where r.rolname = current_user
    );
    v_parts text[] := array(
        select l.name from tandem._levels(p_mapping) as l
        union all
        select s.name from tandem._satellites(p_mapping) as s
    );
begin
    if v_definition ->> 'area' = 'imports' then
        return query select a.* from tandem._analyze_import(p_mapping) as a;
        return;
    end if;
    if v_flat is null then
        return query
        select
            'blocker', 'the flat table does not exist', v_flat_name, 1::bigint, null::text,
            'Check schema and table in the mapping; names are exact.';
        return;
    end if;
    return query
    with relations as (
        select
            t.key as relation,
            pg_catalog.to_regclass(t.key) as oid,
            t.value -> 'columns' as columns,
            array(select pg_catalog.jsonb_array_elements_text(t.value -> 'key')) as key_columns,
            array(select pg_catalog.jsonb_array_elements_text(t.value -> 'filled')) as filled
        from pg_catalog.jsonb_each(v_definition -> 'tables') as t
        where pg_catalog.to_regclass(t.key) is not null
    ),

    wanted as (
        select
            r.relation, r.oid, c.key as column_name, c.value as said,
            pg_catalog.regexp_replace(pg_catalog.regexp_replace(
                c.value, '^varchar', 'character varying'), e'^char\\M', 'character') as type_name
        from relations as r
        cross join lateral pg_catalog.jsonb_each_text(r.columns) as c
    ),

    code as (
        select r.relation, c.function_name, c.is_trigger, c.path
        from relations as r
        cross join lateral tandem._own_code(r.oid, case r.oid when v_flat then v_new_key end) as c
    ),

    places (schema_id) as (
        select n.oid
        from pg_catalog.pg_namespace as n
        where v_definition -> 'search_path' ? n.nspname::text
            or exists (
                select from code as c
                where pg_catalog.quote_ident(n.nspname)
                    = any (pg_catalog.string_to_array(c.path, ', '))
            )
    )

    select
        'blocker', 'not owned by the role that deployed', r.relation, 1::bigint,
        'owner is ' || pg_catalog.pg_get_userbyid(c.relowner),
        pg_catalog.format('Deploy as the owner, or: alter table %s owner to %I;',
            r.relation, current_user)
    from relations as r
    join pg_catalog.pg_class as c on c.oid = r.oid
    where c.relowner <> pg_catalog.to_regrole(pg_catalog.quote_ident(current_user))
    union all
    select
        'blocker', 'not an ordinary table', r.relation, 1,
        case c.relkind
            when 'p' then 'partitioned' when 'v' then 'a view' when 'f' then 'foreign'
            else c.relkind::text
        end,
        'Partitioned tables are not supported: ids must be unique over all partitions.'
    from relations as r
    join pg_catalog.pg_class as c on c.oid = r.oid
    where c.relkind <> 'r'
    union all
    select
        'blocker', 'has inheritance children or parents', r.relation, pg_catalog.count(*),
        pg_catalog.min(coalesce(nullif(i.inhrelid, r.oid), i.inhparent)::regclass::text),
        'Rows in children fire no triggers of the parent. Move them into one table.'
    from relations as r
    join pg_catalog.pg_inherits as i on r.oid in (i.inhparent, i.inhrelid)
    group by r.relation
    union all
    select
        'blocker', 'a mapped column is absent', w.relation, pg_catalog.count(*),
        pg_catalog.string_agg(w.column_name, ', '), 'Correct the mapping, or add the column.'
    from wanted as w
    left join pg_catalog.pg_attribute as a
        on a.attrelid = w.oid and a.attname = w.column_name and not a.attisdropped
    where a.attname is null
    group by w.relation
    union all
    select
        case when n.has_less_room then 'blocker' else 'warning' end,
        'a column has another type than the mapping says',
        w.relation || '.' || w.column_name, 1,
        pg_catalog.format_type(a.atttypid, a.atttypmod) || ' instead of ' || w.said,
        pg_catalog.format(
            'Correct the types in the mapping, then deploy again; or the column: '
            'alter table %s alter column %I type %s;', w.relation, w.column_name, w.said)
    from wanted as w
    join pg_catalog.pg_attribute as a
        on a.attrelid = w.oid and a.attname = w.column_name and not a.attisdropped
    cross join lateral (
        select
            coalesce(one.before, 'infinity') < coalesce(other.before, 'infinity')
            or coalesce(one.after, 'infinity') < coalesce(other.after, 'infinity') as has_less_room
        from tandem._room(pg_catalog.format_type(a.atttypid, a.atttypmod)) as one
        cross join tandem._room(w.type_name) as other
    ) as n
    where pg_catalog.format_type(a.atttypid, a.atttypmod) <> w.type_name
        and (
            pg_catalog.to_regtype(w.type_name) is distinct from a.atttypid or w.said like '%(%'
            or n.has_less_room
        )
    union all
    select
        'blocker', 'a column has another collation than the flat column',
        c.relation || '.' || c.column_name, 1,
        c.hier_collation || ' instead of ' || c.flat_collation, c.cure || ';'
    from tandem._collations(p_mapping) as c
    where c.hier_collation is not null
    union all
    select
        'blocker', 'a collation takes different texts for equal',
        w.relation || '.' || w.column_name, 1, o.collname::text,
        'Values are compared exactly. Give the column a deterministic collation.'
    from wanted as w
    join pg_catalog.pg_attribute as a
        on a.attrelid = w.oid and a.attname = w.column_name and not a.attisdropped
    join pg_catalog.pg_collation as o on o.oid = a.attcollation
    where not o.collisdeterministic
    union all
    select
        'blocker', 'rows are kept of a part that the mapping does not have', k.part, k.rows_kept,
        null, 'Give the level or satellite this name again: what is kept is found by it.'
    from tandem._kept_parts(p_mapping) as k
    where k.part <> all (v_parts)
    union all
    select
        'blocker', 'a key is not unique, or its uniqueness is deferrable', r.relation, 1,
        pg_catalog.array_to_string(r.key_columns, ', '),
        pg_catalog.format('create unique index concurrently on %s (%s);', r.relation, (
            select pg_catalog.string_agg(pg_catalog.quote_ident(k.name), ', ')
            from pg_catalog.unnest(r.key_columns) as k (name)
        ))
    from relations as r
    where not exists (
        select
        from pg_catalog.pg_index as i
        where i.indrelid = r.oid and i.indisunique and i.indisvalid and i.indimmediate
            and i.indpred is null and i.indexprs is null
            and (
                select pg_catalog.array_agg(a.attname::text order by a.attname)
                from pg_catalog.unnest(i.indkey::smallint[]) with ordinality as u (number, position)
                join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attnum = u.number
                where u.position <= i.indnkeyatts
            ) = (
                select pg_catalog.array_agg(k.name order by k.name collate "C")
                from pg_catalog.unnest(r.key_columns) as k (name)
            )
    )
    union all
    select
        'blocker', 'the flat key may be null', v_flat_name, 1, a.attname::text,
        'A row without a key is in no batch. Give each one a key, then: ' || pg_catalog.format(
            case when n.oid is null then 'alter table %s alter column %I set not null;'
                else 'alter table %s validate constraint %I;' end,
            v_flat, coalesce(n.conname, a.attname))
    from pg_catalog.pg_attribute as a
    -- since PostgreSQL 18, where it counts as NOT NULL, too
    left join pg_catalog.pg_constraint as n
        on n.conrelid = a.attrelid and n.contype = 'n' and not n.convalidated
        and a.attnum = any (n.conkey)
    where a.attrelid = v_flat and a.attname = v_definition ->> 'key' and not a.attisdropped
        and (not a.attnotnull or n.oid is not null)
    union all
    select
        'blocker', 'the database generates a mapped column', r.relation || '.' || a.attname, 1,
        case when a.attidentity = 'a' then 'generated always as identity'
            when a.attgenerated = 's' then 'generated always as (...) stored'
            else 'generated always as (...) virtual' end,
        'The sync writes it, which PostgreSQL refuses. Leave it out of the mapping, or: '
        || pg_catalog.format(
            case
                when a.attidentity = 'a' then
                    'alter table %1$s alter column %2$I set generated by default;'
                when a.attgenerated = 's' then
                    'alter table %1$s alter column %2$I drop expression;'
                else
                    'alter table %1$s rename column %2$I to was_generated; '
                    'alter table %1$s add column %2$I %3$s; '
                    'update %1$s set %2$I = was_generated; '
                    'alter table %1$s drop column was_generated;'
            end,
            r.relation, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod))
    from relations as r
    join pg_catalog.pg_attribute as a
        on a.attrelid = r.oid and a.attname::text = any (r.filled) and not a.attisdropped
    where (a.attgenerated <> '' or a.attidentity = 'a')
        -- whose value the database gives, unless new_key does
        and (r.oid <> v_flat or a.attname <> v_definition ->> 'key' or v_new_key is not null)
    union all
    select
        'blocker', 'an unmapped column is NOT NULL and has no default', r.relation,
        pg_catalog.count(*), pg_catalog.string_agg(a.attname, ', '),
        'Map it, give it a default, or drop its NOT NULL.'
    from relations as r
    join pg_catalog.pg_attribute as a
        on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    where a.attnotnull and not a.atthasdef and a.attidentity = ''
        and a.attname::text <> all (r.filled)
    group by r.relation
    union all
    select
        'blocker', 'the flat key has no default', v_flat_name, 1, v_definition ->> 'key',
        'New leaves need a flat row: name a function in [flat] new_key, or give the key a default.'
    from pg_catalog.pg_attribute as a
    where v_definition ->> 'new_key' is null and a.attrelid = v_flat
        and a.attname = v_definition ->> 'key' and not a.atthasdef and a.attidentity = ''
    union all
    select
        'blocker', 'the function of [flat] new_key does not exist', v_definition ->> 'new_key', 1,
        null,
        'Create it: no arguments, returns a new key. Names are exact; the schema is the mapping''s.'
    where v_new_key is null
        and v_definition ->> 'new_key' is not null
    union all
    select
        'blocker', 'row level security is forced on the deploying role', r.relation, 1, null,
        pg_catalog.format(
            'create policy tandem_all on %s for all to %I using (true) with check (true);',
            r.relation, current_user)
    from relations as r
    join pg_catalog.pg_class as c on c.oid = r.oid
    where c.relrowsecurity and c.relforcerowsecurity and not v_bypass
        and not exists (
            select from pg_catalog.pg_policy as p
            where p.polrelid = r.oid and p.polpermissive and p.polcmd = '*'
                and (0 = any (p.polroles) or pg_catalog.to_regrole(
                    pg_catalog.quote_ident(current_user))::oid = any (p.polroles))
                and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true'
        )
    union all
    select
        'blocker', 'everyone may create objects in a schema of the search path', n.nspname::text, 1,
        null, pg_catalog.format('revoke create on schema %I from public;', n.nspname)
    from places as p
    join pg_catalog.pg_namespace as n on n.oid = p.schema_id
    where exists (
        select from pg_catalog.aclexplode(n.nspacl) as a
        where a.grantee = 0 and a.privilege_type = 'CREATE'
    )
    union all
    select
        'blocker',
        case
            when c.is_trigger then 'a trigger function of your own'
            else 'a function of a default, CHECK, index, WHEN clause or new_key'
        end || ' has no search_path of its own',
        c.relation, pg_catalog.count(*), pg_catalog.string_agg(c.function_name, ', '),
        'In a write of the sync it would find nothing but pg_catalog, and temporary tables of '
        'whoever writes. Either: alter function ... set search_path = public, pg_temp (last, or '
        'temporary tables come first); or name the schemas, '
        'where only trusted roles may create objects, in the mapping: '
        '[policy] search_path = ["public"].'
    from code as c
    where c.path is null and pg_catalog.jsonb_array_length(v_definition -> 'search_path') = 0
    group by c.relation, c.is_trigger
    union all
    select
        'blocker', 'the search_path of a function of your own does not end in pg_temp',
        c.relation, pg_catalog.count(*),
        pg_catalog.string_agg(
            pg_catalog.format('%s: %s', c.function_name, c.path), ', ' order by c.function_name),
        'A write of the sync runs it as the owner, and it would find temporary tables of whoever '
        'writes before any other: ' || pg_catalog.string_agg(
            pg_catalog.format('alter function %s set search_path = %s, pg_temp;', c.function_name,
                coalesce(
                    nullif(pg_catalog.array_to_string(pg_catalog.array_remove(
                        pg_catalog.array_remove(
                            pg_catalog.string_to_array(c.path, ', '), 'pg_temp'),
                        '""'), ', '), ''),
                    'pg_catalog')),
            ' ' order by c.function_name)
    from code as c
    where pg_catalog.array_position(pg_catalog.string_to_array(c.path, ', '), 'pg_temp')
        is distinct from pg_catalog.cardinality(pg_catalog.string_to_array(c.path, ', '))
        and c.path is not null
    group by c.relation
    union all
    select
        'blocker', 'a role beside the owner could run code as the owner', r.relation, 1,
        o.role_name || ' holds TRIGGER or REFERENCES',
        pg_catalog.format('revoke trigger, references on %s from %s;', r.relation, o.role_name)
    from relations as r
    cross join lateral tandem._outsiders(r.oid, case r.oid when v_flat then v_new_key end) as o
    where o.through = 'grant'
    union all
    select
        'blocker', 'code of a role beside the owner would run as the owner', r.relation, 1,
        pg_catalog.format('%s of %s', o.through, o.role_name),
        'The sync writes as the owner of the tables. Give that object to the owner, or drop it.'
    from relations as r
    cross join lateral tandem._outsiders(r.oid, case r.oid when v_flat then v_new_key end) as o
    where o.through <> 'grant'
    union all
    select
        'blocker', 'columns elsewhere have the row type of this table', v_flat_name,
        pg_catalog.count(*), pg_catalog.string_agg(y.column_name, ', '),
        'PostgreSQL adds no column with a default to such a table. Drop these columns, or give '
        'them another type; every role with TEMP can make one, in a temporary table too.'
    from tandem._row_type_columns(v_flat) as y (column_name)
    where not exists (
        select from pg_catalog.pg_attribute as a
        where a.attrelid = v_flat and a.attname = v_definition ->> 'status' and not a.attisdropped
    )
    having pg_catalog.count(*) > 0
    union all
    select
        'warning', 'objects of others use the sync columns or the views', v_flat_name,
        pg_catalog.count(*), pg_catalog.string_agg(d.object, ', '),
        'They stop a rollback with p_drop_columns. Views name the columns that they need, and '
        'not *.'
    from tandem._dependents(p_mapping) as d (object)
    having pg_catalog.count(*) > 0
    union all
    select
        'warning', 'roles beside the owner may create objects in a schema of the search path',
        n.nspname::text, pg_catalog.count(*),
        pg_catalog.string_agg(distinct a.grantee::regrole::text, ', '),
        'They could run code as the owner. Trust them, or revoke create on the schema.'
    from places as p
    join pg_catalog.pg_namespace as n on n.oid = p.schema_id
    cross join lateral pg_catalog.aclexplode(n.nspacl) as a
    where a.privilege_type = 'CREATE' and a.grantee not in (0, n.nspowner)
    group by n.nspname
    union all
    select
        'note', 'triggers of your own fire during the migration and on synced rows', r.relation,
        pg_catalog.count(*), pg_catalog.string_agg(t.tgname, ', '),
        'Look whether that is wanted; each is a test case.'
    from relations as r
    join pg_catalog.pg_trigger as t on t.tgrelid = r.oid
    where not t.tgisinternal and not tandem._is_ours(t.tgfoid) and t.tgenabled <> 'D'
    group by r.relation
    union all
    select
        'warning', 'an AFTER INSERT trigger of your own makes the migration go row by row',
        v_flat_name, 1, null,
        'It may insert below the new row. Where it does not, disable it during the migration.'
    where tandem._makes_children(p_mapping)
    union all
    select
        'warning', 'a foreign key of your own takes rows of the new tables along', r.relation,
        pg_catalog.count(*), pg_catalog.string_agg(c.conname, ', '),
        'A flat DELETE keeps its own leaf, so that the same key gets it back; what goes along is '
        'lost with its notes and dated rows, and rollback with remove is refused (TD018). Make it '
        'ON DELETE NO ACTION.'
    from relations as r
    join pg_catalog.pg_constraint as c
        on c.conrelid = r.oid and c.contype = 'f' and c.confdeltype in ('c', 'n', 'd')
    join relations as other on other.oid = c.confrelid
    where v_flat not in (r.oid, other.oid) and not exists (
        select
        from (
            select l.relation, l.parent from tandem._levels(p_mapping) as l
            union all
            select s.relation, s.parent from tandem._satellites(p_mapping) as s
        ) as p
        join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attname = p.parent
        where p.relation = r.relation and c.conkey = array[a.attnum]
    )
    group by r.relation
    union all
    select
        'warning', 'rewrite rules', r.relation, pg_catalog.count(*),
        pg_catalog.string_agg(w.rulename, ', '),
        'Rules rewrite statements before triggers see them. Replace them by triggers.'
    from relations as r
    join pg_catalog.pg_rewrite as w on w.ev_class = r.oid
    group by r.relation
    union all
    select
        'warning', 'foreign keys of other tables into the hierarchy', r.relation,
        pg_catalog.count(*), pg_catalog.string_agg(f.conrelid::regclass::text, ', '),
        'An old program''s DELETE can fail with 23503. Consider ON DELETE CASCADE or SET NULL.'
    from relations as r
    join pg_catalog.pg_constraint as f on f.confrelid = r.oid and f.contype = 'f'
    where f.conrelid <> all (select o.oid from relations as o) and r.oid <> v_flat
    group by r.relation
    union all
    select
        'blocker', 'a deferrable unique key', r.relation, pg_catalog.count(*),
        pg_catalog.string_agg(i.indexrelid::regclass::text, ', '),
        'Rows are inserted with ON CONFLICT DO NOTHING, which such a key forbids. Make it NOT '
        'DEFERRABLE.'
    from relations as r
    join pg_catalog.pg_index as i on i.indrelid = r.oid and not i.indimmediate
    where r.oid <> v_flat
    group by r.relation
    union all
    select
        case when p.fault is null then 'note' else 'blocker' end,
        coalesce(
            'publications make its UPDATEs or DELETEs fail: ' || p.fault,
            'is published for logical replication'),
        r.relation,
        pg_catalog.count(*), pg_catalog.string_agg(p.publication, ', ' order by p.publication),
        coalesce(
            pg_catalog.string_agg(distinct p.cure, ' '),
            'Publish the whole mapping or none of it; subscribers do not fire the sync triggers.')
    from relations as r
    cross join lateral tandem._publications(r.oid) as p
    group by r.relation, p.fault
    union all
    select n.severity, n.finding, v_flat_name, 1, null, n.cure
    from (
        values
        (
            'warning', 'no backup is known to pgtandem',
            tandem._dump_command(p_mapping)
        ),
        (
            'note',
            pg_catalog.format(
                'COPY without a column list, and INSERT INTO x SELECT * FROM it, meet %s more '
                'columns', 1 + pg_catalog.jsonb_array_length(v_definition -> 'levels')
            ),
            'Name the columns in such statements before prepare.'
        ),
        (
            'note', 'a prepared SELECT * of an open session fails once with 0A000 after prepare',
            'Drivers prepare again; a pooler may need a reconnect.'
        ),
        (
            'note', 'REPEATABLE READ and SERIALIZABLE writers can meet 40001 during the migration',
            'They retry such a transaction already, or should.'
        )
    ) as n (severity, finding, cure);
end
$_analyze_schema$;

comment on function tandem._analyze_schema(text) is
'Findings of the catalog; tandem.analyze(mapping) and prepare read it.';
