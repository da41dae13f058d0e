"""The shop of the tests: rows for tblproduct, calls of the verbs, and what a database holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[Any, ...]]

SCHEMAS = ("public", "tandem", "tandem_products")


def fill(conn: Connection, rows: int, first: int = 1) -> None:
    """Insert rows with the keys `first`, `first + 1`, ...: shared parents, missing values."""
    conn.execute(
        """
        insert into tblproduct (
            productid, productname, version, catalogname, configname, sku, configdata, status,
            amount
        )
        select i, 'Product ' || (i / 3), case when i %% 7 = 0 then null else 'v' || i %% 2 end,
            case when i %% 5 = 0 then '' else 'cat' || i %% 2 end, 'c' || i, 'sku' || i,
            jsonb_build_object('n', i), 'on', case when i %% 10 = 0 then null else i end
        from generate_series(%s::integer, %s) as i
        """,
        (first, first + rows - 1),
    )
    conn.execute("select setval('tblproduct_productid_seq', max(productid)) from tblproduct")


def prepared(conn: Connection, rows: int) -> None:
    """A filled table, made ready by tandem.prepare."""
    fill(conn, rows)
    conn.execute("call tandem.prepare('products')")


def migrate(conn: Connection, **arguments: object) -> None:
    """CALL tandem.migrate('products', ...) with the arguments given by name."""
    parts = [
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in arguments.items()
    ]
    conn.execute(
        sql.SQL("call tandem.migrate({})").format(
            sql.SQL(", ").join([sql.Literal("products"), *parts])
        )
    )


def one(conn: Connection, query: str, *values: object) -> Any:
    """The only column of the only row."""
    row = conn.execute(query.encode(), values or None).fetchone()
    assert row is not None and len(row) == 1
    return row[0]


def last_run(conn: Connection, *columns: str) -> tuple[Any, ...]:
    """Columns of the newest run."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    query = sql.SQL("select {} from tandem.run order by run_id desc limit 1").format(names)
    row = conn.execute(query).fetchone()
    assert row is not None
    return row


def failed_checks(conn: Connection) -> list[tuple[Any, ...]]:
    """The checks of tandem.validate that did not pass."""
    return conn.execute(
        "select check_name, expected, actual from tandem.validate('products')"
        " where passed is not true"
    ).fetchall()


def assert_in_step(conn: Connection) -> None:
    """Both shapes say the same, and every check passes."""
    drift = conn.execute(
        "select * from tandem.drift('products') where kind not in ('price_due', 'rejected')"
    ).fetchall()
    assert drift == []
    assert failed_checks(conn) == []


def contents(conn: Connection, schemas: tuple[str, ...] = SCHEMAS) -> dict[str, list[str]]:
    """Every row of every table, as text, in one snapshot's order."""
    found: dict[str, list[str]] = {}
    tables = conn.execute(
        "select n.nspname, c.relname from pg_class as c join pg_namespace as n"
        " on n.oid = c.relnamespace where n.nspname = any (%s) and c.relkind in ('r', 'p')"
        " order by 1, 2",
        (list(schemas),),
    ).fetchall()
    for schema, table in tables:
        query = sql.SQL("select t::text from {} as t order by 1").format(
            sql.Identifier(schema, table)
        )
        found[f"{schema}.{table}"] = [text for (text,) in conn.execute(query).fetchall()]
    return found


def catalog(conn: Connection, schemas: tuple[str, ...] = SCHEMAS) -> set[str]:
    """What there is in the schemas: relations, columns, constraints, triggers, routines."""
    rows = conn.execute(
        """
        with s as (select oid, nspname from pg_namespace where nspname = any (%s)),
        c as (select c.* from pg_class as c join s on s.oid = c.relnamespace)
        select 'relation ' || c.oid::regclass::text || ' ' || c.relkind::text
            || coalesce(c.relacl, acldefault(
                case c.relkind when 'S' then 's'::"char" else 'r' end, c.relowner))::text
        from c where c.relkind <> 'i' 
        union all
        select 'column ' || a.attrelid::regclass::text || '.' || a.attname
            || format_type(a.atttypid, a.atttypmod) || a.attnotnull
            || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
        from pg_attribute as a join c on c.oid = a.attrelid
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attnum > 0 and not a.attisdropped
        union all
        select 'constraint ' || k.conrelid::regclass::text || ' ' || k.conname
            || pg_get_constraintdef(k.oid)
        from pg_constraint as k join c on c.oid = k.conrelid
        union all
        select pg_get_indexdef(i.indexrelid) || i.indisvalid
        from pg_index as i join c on c.oid = i.indrelid
        union all
        select pg_get_triggerdef(t.oid) || t.tgenabled::text
        from pg_trigger as t join c on c.oid = t.tgrelid where not t.tgisinternal
        union all
        select 'routine ' || p.oid::regprocedure::text || md5(p.prosrc)
            || coalesce(p.proacl, acldefault('f', p.proowner))::text
        from pg_proc as p join s on s.oid = p.pronamespace
        order by 1
        """,
        (list(schemas),),
    ).fetchall()
    return {text for (text,) in rows}


@contextmanager
def in_background(conn: Connection, work: Callable[[], None]) -> Iterator[Future[None]]:
    """Run `work` in a thread that uses `conn`; its error is raised by the future's result().

    Whatever the session still does when the block ends is cancelled, so that no test hangs.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            yield future
        finally:
            if not future.done():
                conn.cancel_safe()
