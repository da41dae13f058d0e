-- A deferred foreign key is checked where the transaction ends, when nobody can act on it. SET
-- CONSTRAINTS would also check what the session has left for later. A table that points back is
-- left alone: its rows may come after this one.
create or replace function tandem._require_references(p_table regclass, p_where text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_require_references$
declare
    v_is_unmet boolean;
    r_key record;
begin
    for r_key in
        select
            c.conname, c.confrelid::regclass::text as other,
            pg_catalog.string_agg(
                pg_catalog.format('one.%I is not null', a.attname), ' and '
            ) as given,
            pg_catalog.string_agg(
                pg_catalog.format('other.%I = one.%I', o.attname, a.attname), ' and '
            ) as matched
        from pg_catalog.pg_constraint as c
        cross join lateral rows from (
            pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey)
        ) as k (own, other)
        join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.own
        join pg_catalog.pg_attribute as o on o.attrelid = c.confrelid and o.attnum = k.other
        where c.conrelid = p_table and c.contype = 'f' and c.condeferrable
            and pg_catalog.has_table_privilege(c.confrelid, 'select')
            and exists (
                -- the policies of another role's table are its code
                select from pg_catalog.pg_class as t
                where t.oid = c.confrelid
                    and (not t.relrowsecurity or pg_catalog.pg_has_role(t.relowner, 'usage'))
            )
            and not exists (
                select from pg_catalog.pg_constraint as b
                where b.conrelid = c.confrelid and b.contype = 'f' and b.confrelid = p_table
            )
        group by c.oid, c.conname, c.confrelid
        order by c.conname
    loop
        execute pg_catalog.format(
            'select exists (
                select from %1$s as one
                where %2$s and %3$s and not exists (select from %4$s as other where %5$s)
            )',
            p_table, p_where, r_key.given, r_key.other, r_key.matched
        ) into v_is_unmet;
        if v_is_unmet then
            raise exception 'the row that % points at is not there', r_key.conname
            using errcode = 'TD019',
                detail = pg_catalog.format('Table %s points at %s.', p_table, r_key.other),
                hint = 'Add that row, or remove the reference.';
        end if;
    end loop;
end
$_require_references$;

comment on function tandem._require_references(regclass, text) is
'Raises TD019 where a row (alias one, p_where: a condition) points by a deferrable foreign key at '
'a row that is not there.';
