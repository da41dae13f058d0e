"""The routines of a database that may hold SQL: PL/pgSQL, SQL and PL/Python of the users'."""

from __future__ import annotations

from typing import Final

from pgtandem.connection import Connection, own_path
from pgtandem.scan.model import Report
from pgtandem.scan.pysource import scan_python
from pgtandem.scan.sqltext import Found, scan_sql

ROUTINES: Final = """
select n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid),
    pg_catalog.count(*) over (partition by n.nspname, p.proname) > 1, l.lanname,
    coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)
from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    join pg_catalog.pg_language as l on l.oid = p.prolang
where n.nspname !~ '^(pg_|tandem_)' and n.nspname not in ('information_schema', 'tandem')
    and l.lanname not in ('c', 'internal')
    and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid
            and d.deptype = 'e'
    )
order by n.nspname, p.proname, 3
"""
"""Extensions' routines and pgtandem's own are nobody's importers."""


def scan_routines(conn: Connection, report: Report) -> list[Found]:
    """What each routine holds; lines count as PostgreSQL's messages count them.

    Routines in other languages are counted in a remark.
    """
    with own_path(conn):
        rows = conn.execute(ROUTINES.encode()).fetchall()
    every, unread = [], 0
    for schema, name, arguments, overloaded, language, body in rows:
        shown = f"{schema}.{name}({arguments})" if overloaded else f"{schema}.{name}"
        if language in ("plpgsql", "sql"):
            every.append(scan_sql(shown, body))
        elif language.startswith("plpython"):
            every.append(scan_python(shown, body)[0])
        else:
            unread += 1
            continue
        report.functions += 1
    if unread:
        report.remarks.append(f"Left out: {unread} functions in other languages.")
    return every
