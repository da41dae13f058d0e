"""Objects that are not pgtandem's and use its views, routines and types.

A view on ``tandem.status``, say, or a default that calls ``tandem.new_id()``: every reader can make
them. CASCADE would drop them, so nothing is dropped while there are any.
"""

from collections.abc import Sequence

from pgtandem.sqltext import literal

# What has no schema of its own (a trigger, a view's rule, a default) has an address that begins
# with the schema of what it belongs to.
_QUERY = """\
select distinct
    pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
    -- which is all that it says of a domain's CHECK
    || coalesce(' of domain ' || nullif(k.contypid, 0)::pg_catalog.regtype::text, '') as object
from (
    select 'pg_catalog.pg_proc'::pg_catalog.regclass as classid, p.oid, n.nspname
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where {routines}
    union all
    select 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, n.nspname
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where {relations}
    union all
    select 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, n.nspname
    from pg_catalog.pg_type as t
    join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
    -- an array type has no relation of its own, but that of its elements
    left join pg_catalog.pg_type as e on e.oid = t.typelem
    left join pg_catalog.pg_class as c on c.oid in (t.typrelid, e.typrelid)
    where {relations}
) as ours
join pg_catalog.pg_depend as d on d.refclassid = ours.classid and d.refobjid = ours.oid
cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) as i
cross join lateral pg_catalog.pg_identify_object_as_address(d.classid, d.objid, d.objsubid) as a
left join pg_catalog.pg_constraint as k
    on d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and k.oid = d.objid
where d.deptype = 'n' and ours.nspname = any ({schemas})
    and coalesce(i.schema, a.object_names[1]) <> all ({schemas})
    -- a trigger of ours calls ours; one of the user's may have such a name, too
    and not exists (
        select
        from pg_catalog.pg_trigger as t
        join pg_catalog.pg_proc as p on p.oid = t.tgfoid
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        where d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass and t.oid = d.objid
            and t.tgname like 'tandem\\_%' and n.nspname = any ({schemas})
    )
order by 1"""


def dependents_query(schemas: Sequence[str], *, replaced_only: bool = False) -> str:
    """A query of the objects outside ``schemas`` that use what is inside, as texts.

    Args:
        schemas: names of pgtandem's schemas.
        replaced_only: leave out what a deployment never drops: tables, a mapping's views, and
            its trigger functions. Other routines it drops where the new build has no such one.
    """
    names = ", ".join(literal(schema) for schema in schemas)
    return _QUERY.format(
        schemas=f"array[{names}]::text[]",
        # import_key is there to be in indexes of the user's tables: it is always replaced in place
        routines="(n.nspname = 'tandem' or p.prorettype <> 'trigger'::pg_catalog.regtype)"
        " and p.proname not in ('import_key', '_import_key')"
        if replaced_only
        else "true",
        relations="n.nspname = 'tandem' and c.relkind = 'v'" if replaced_only else "true",
    )
