-- Where a publication and a table's replica identity do not go together, an UPDATE or DELETE of the
-- table is an error of the statement, be there a subscriber or not; an INSERT is none. So a table
-- that old programs only add to shows nothing of it. The rules are those of the server's
-- CheckCmdReplicaIdentity().
create or replace function tandem._publications(p_table regclass)
returns table (publication text, fault text, cure text)
language sql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_publications$
    with usable as (
        select i.indisprimary, i.indisreplident, x.relname, k.numbers, k.is_not_null
        from pg_catalog.pg_index as i
        join pg_catalog.pg_class as x on x.oid = i.indexrelid
        cross join lateral (
            select
                pg_catalog.array_agg(a.attnum) as numbers,
                pg_catalog.bool_and(a.attnotnull) as is_not_null
            from pg_catalog.unnest(i.indkey::smallint[]) with ordinality as u (number, position)
            join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = u.number
            where u.position <= i.indnkeyatts
        ) as k
        where i.indrelid = p_table and i.indisunique and i.indisvalid and i.indimmediate
            and i.indpred is null and i.indexprs is null
    ),

    this as (
        select
            c.relreplident = 'f' as is_full,
            (
                select i.numbers from usable as i
                where case c.relreplident
                    when 'd' then i.indisprimary when 'i' then i.indisreplident end
            ) as identity,
            (
                select pg_catalog.format('alter table %s replica identity %s;', p_table,
                    case when i.indisprimary then 'default'
                        else pg_catalog.format('using index %I', i.relname) end)
                from usable as i
                where i.is_not_null
                order by i.indisprimary desc, i.relname
                limit 1
            ) as to_index,
            -- s: stored, v: virtual
            array(
                select a.attgenerated::text from pg_catalog.pg_attribute as a
                where a.attrelid = p_table and a.attgenerated <> '' and not a.attisdropped
            ) as generated,
            array(
                select a.attnum from pg_catalog.pg_attribute as a
                where a.attrelid = p_table and a.attgenerated = 's'
            ) as stored
        from pg_catalog.pg_class as c
        where c.oid = p_table
    ),

    published as (
        select
            p.pubname, p.pubupdate or p.pubdelete as sends_old_rows,
            r.prattrs::smallint[] as list,
            pg_catalog.pg_get_expr(r.prqual, r.prrelid) as filter,
            array(
                select v.number[1]::smallint
                from pg_catalog.regexp_matches(r.prqual::text, e':varattno (\\d+)', 'g')
                    as v (number)
            ) as filtered,
            -- since PostgreSQL 18; n: none, s: stored
            pg_catalog.to_jsonb(p) ->> 'pubgencols' as sends_generated
        from pg_catalog.pg_publication as p
        join lateral pg_catalog.pg_get_publication_tables(p.pubname::text) as g
            on g.relid = p_table
        left join pg_catalog.pg_publication_rel as r on r.prpubid = p.oid and r.prrelid = p_table
    )

    select
        p.pubname::text, f.fault,
        case f.fault
            when 'it has no replica identity' then
                coalesce(t.to_index, pg_catalog.format(
                    'alter table %s replica identity full;', p_table))
            when 'a row filter uses columns outside its replica identity' then
                case when p.list is null and t.generated = '{}' then
                    pg_catalog.format('alter table %s replica identity full;', p_table)
                else pg_catalog.format('Filter by columns of the replica identity, or: '
                    'alter publication %I set (publish = ''insert'');', p.pubname)
                end
            when 'a column list does not go with its replica identity' then
                case when t.is_full and t.to_index is not null then t.to_index
                else pg_catalog.format(
                    'alter publication %1$I drop table %2$s; '
                    'alter publication %1$I add table %2$s%3$s%4$s;',
                    p.pubname, p_table, case when not t.is_full then (
                        select ' (' || pg_catalog.string_agg(
                            pg_catalog.quote_ident(a.attname), ', ' order by a.attnum) || ')'
                        from pg_catalog.pg_attribute as a
                        where a.attrelid = p_table and a.attnum = any (p.list || t.identity)
                    ) end, ' where (' || p.filter || ')')
                end
            when 'generated columns of its replica identity are not published' then
                case when t.is_full and 'v' = any (t.generated) then coalesce(t.to_index,
                    'Give the table a primary key, then: '
                    || pg_catalog.format('alter table %s replica identity default;', p_table))
                else pg_catalog.format(
                    'alter publication %I set (publish_generated_columns = stored);', p.pubname)
                end
        end
    from published as p
    cross join this as t
    cross join lateral (
        select case
            when not p.sends_old_rows then null
            when not t.is_full and t.identity is null
                then 'it has no replica identity'
            when not t.is_full and not p.filtered <@ t.identity
                then 'a row filter uses columns outside its replica identity'
            when t.is_full and p.list is not null or not t.identity <@ p.list
                then 'a column list does not go with its replica identity'
            when p.sends_generated is not null and case when t.is_full
                    then 'v' = any (t.generated)
                        or p.sends_generated <> 's' and 's' = any (t.generated)
                    else p.list is null and p.sends_generated <> 's' and t.identity && t.stored end
                then 'generated columns of its replica identity are not published'
        end as fault
    ) as f
$_publications$;

comment on function tandem._publications(regclass) is
'The publications of a table; fault and cure where they make an UPDATE or DELETE of it fail.';
