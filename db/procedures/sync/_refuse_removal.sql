-- Rows that hang on a row of the hierarchy by ON DELETE CASCADE, SET NULL or SET DEFAULT would go,
-- or let go, when it is taken out, and not come back with it: those of other tables, and those of
-- the hierarchy by a key beside the mapping's, as each is kept when its turn comes.
create or replace function tandem._refuse_removal(p_mapping text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_refuse_removal$
declare
    v_found boolean;
    r_key record;
begin
    for r_key in
        with ours as (
            select l.relation::regclass as oid, l.parent from tandem._levels(p_mapping) as l
            union all
            select s.relation::regclass, s.parent from tandem._satellites(p_mapping) as s
            union all
            select ((tandem._mapping_of(p_mapping)).definition ->> 'flat')::regclass, null
        )

        select
            f.conrelid::regclass as relation, f.conname, f.confrelid::regclass as referenced,
            (
                select pg_catalog.string_agg(
                    pg_catalog.format('one.%I is not null', a.attname), ' and '
                )
                from pg_catalog.pg_attribute as a
                where a.attrelid = f.conrelid and a.attnum = any (f.conkey)
            ) as condition
        from pg_catalog.pg_constraint as f
        where f.contype = 'f' and f.confdeltype in ('c', 'n', 'd')
            and f.confrelid in (select o.oid from ours as o)
            and not exists (
                select
                from ours as o
                left join pg_catalog.pg_attribute as a
                    on a.attrelid = o.oid and a.attname = o.parent
                where o.oid = f.conrelid and (a.attnum is null or f.conkey = array[a.attnum])
            )
        order by f.conrelid::regclass::text, f.conname
    loop
        execute pg_catalog.format(
            'select exists (select from %s as one where %s)', r_key.relation, r_key.condition
        ) into v_found;
        if v_found then
            raise exception 'rows of % hang on rows of %', r_key.relation, r_key.referenced
            using errcode = 'TD018',
                detail = pg_catalog.format(
                    'Its foreign key %I deletes or empties them when the hierarchy is taken out, '
                    'and they would not come back with it. Nothing was done.', r_key.conname
                ),
                hint = 'p_hierarchy => ''keep'' leaves all as it is. Or drop that foreign key '
                'first, and add it again after the way forward: the rows come back with their ids.';
        end if;
    end loop;
end
$_refuse_removal$;

comment on function tandem._refuse_removal(text) is
'Raises TD018 where taking the hierarchy out would delete or change rows that it does not keep.';
