-- What others have built on what rollback with p_drop_columns takes away. A view of SELECT * on the
-- flat table, made after prepare, is enough. CASCADE would drop what is not ours.
create or replace function tandem._dependents(p_mapping text) returns setof text
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_dependents$
    select distinct pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) as object
    from tandem._requirements(p_mapping) as r
    left join pg_catalog.pg_attribute as t
        on r.kind = 'column' and t.attrelid = pg_catalog.to_regclass(r.relation)
        and t.attname = r.object and not t.attisdropped
    left join pg_catalog.pg_class as v
        on r.kind = 'view' and v.oid = pg_catalog.to_regclass(r.relation)
    join pg_catalog.pg_depend as d
        on d.refclassid = 'pg_catalog.pg_class'::regclass
        and (
            d.refobjid = t.attrelid and d.refobjsubid = t.attnum
            -- a view's columns, or the view as a whole
            or d.refobjid = v.oid
        )
    cross join lateral pg_catalog.pg_identify_object_as_address(
        d.classid, d.objid, d.objsubid
    ) as a
    where d.deptype = 'n' and a.object_names[1] is distinct from 'tandem_' || p_mapping
        and not (a.type = 'trigger' and a.object_names[3] like e'tandem\\_%')
    order by object
$_dependents$;

comment on function tandem._dependents(text) is
'Objects that are not pgtandem''s and use the sync columns or the views of a mapping.';
