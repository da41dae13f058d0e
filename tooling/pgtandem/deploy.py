"""Deploying the package and mappings to a database, and taking them out again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from pgtandem import __version__
from pgtandem.any_mapping import AnyMapping
from pgtandem.bundle import Bundle, build_bundle
from pgtandem.dependents import dependents_query
from pgtandem.errors import TandemError, UnknownMapping

RUN_LOOKS: Final = 5
RUN_LOOK_SECONDS: Final = 0.1
LOCK_TRIES: Final = 20
"""A busy table is asked for its lock again and again, and never waited for in a queue."""


@dataclass(frozen=True)
class Deployed:
    """What a deployment did. ``changed`` is empty where there was nothing to do."""

    version: str
    changed: tuple[str, ...]


def deploy(conn: psycopg.Connection, mappings: Sequence[AnyMapping]) -> Deployed:
    """Deploy the package and ``mappings`` in one transaction; the same twice does nothing.

    Args:
        conn: an autocommit connection of the owner of the business tables.
        mappings: the mappings to deploy beside those that are there.

    Raises:
        psycopg.Error: the server refused; nothing was changed, and the failure is in
            ``tandem.deployment`` where that table exists.
    """
    bundle = build_bundle(mappings)
    installed = deployed_hashes(conn)
    changed = tuple(what for what, digest in bundle.hashes.items() if installed.get(what) != digest)
    if not changed and _one(conn, _SETTING_MISSING):
        changed = ("package",)
    if not changed:
        return Deployed(__version__, ())
    try:
        conn.execute(bundle.sql.encode())
    except psycopg.Error as error:
        conn.rollback()
        _record_failure(conn, bundle, error)
        raise
    return Deployed(__version__, changed)


# of this build: asked where its package is the one that is deployed
_SETTING_MISSING: Final = """
select exists (
    select from tandem._settings() as s
    where not exists (select from tandem.setting as t where t.name = s.name)
)
"""


def _with_schema(conn: psycopg.Connection[Any], names: Sequence[str]) -> list[str]:
    """Those mappings whose schema is there and this role's: one may have been dropped by hand."""
    found = conn.execute(
        """
        select n.nspname from pg_catalog.pg_namespace as n
        where pg_catalog.pg_get_userbyid(n.nspowner) = current_user
        """
    ).fetchall()
    own = {schema for (schema,) in found}
    return [name for name in names if f"tandem_{name}" in own]


def _is_own(conn: psycopg.Connection[Any]) -> bool:
    """Whether there is a registry of deployments, made by this very role.

    Another role's is not looked at: what is in its views and triggers would run as this one.
    """
    return bool(
        conn.execute(
            """
            select from pg_catalog.pg_class as c
            join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = 'tandem' and c.relname = 'deployment' and c.relkind = 'r'
                and pg_catalog.pg_get_userbyid(n.nspowner) = current_user
                and pg_catalog.pg_get_userbyid(c.relowner) = current_user
            """
        ).rowcount
    )


def deployed_hashes(conn: psycopg.Connection) -> dict[str, str]:
    """The hash of everything that is deployed, by name; empty without pgtandem."""
    if not _is_own(conn):
        return {}
    rows = conn.execute(
        """
        select distinct on (d.what) d.what, d.hash, d.result from tandem.deployment as d
        where d.result in ('done', 'removed')
        order by d.what, d.deployment_id desc
        """
    ).fetchall()
    done = {what: digest for what, digest, result in rows if result == "done"}
    # a mapping's row or schema may have been removed by hand: it is to be deployed again
    mappings = [name for (name,) in conn.execute("select m.name from tandem.mapping as m")]
    there = {"package", *_with_schema(conn, mappings)}
    return {what: digest for what, digest in done.items() if what in there}


def _record_failure(conn: psycopg.Connection, bundle: Bundle, error: psycopg.Error) -> None:
    try:
        for what, digest in bundle.hashes.items() if _is_own(conn) else ():
            conn.execute(
                "insert into tandem.deployment (what, version, hash, result, error)"
                " values (%s, %s, %s, 'failed', %s)",
                (what, __version__, digest, f"{error.sqlstate}: {error}"),
            )
    except psycopg.Error:
        # No registry yet, or no right to write it: the caller gets the error itself.
        return


_RUNNING = """
select exists (
    select from pg_catalog.pg_locks as l
    where l.locktype = 'advisory' and l.classid = 1952542836 and l.objid <> 0
        and l.database = (
            select d.oid from pg_catalog.pg_database as d
            where d.datname = pg_catalog.current_database())
)
"""


def undeploy_statements(
    conn: psycopg.Connection[Any], mappings: Sequence[str] = ()
) -> tuple[str, ...]:
    """The statements that `undeploy` would run; none where pgtandem is not in the database.

    Raises UnknownMapping for a mapping that is not deployed, TandemError for another role's schema.
    """
    if not _one(conn, "select pg_catalog.to_regnamespace('tandem') is not null"):
        return ()
    if not _is_own(conn):
        raise TandemError(
            "The schema tandem belongs to another role, or is not pgtandem's.",
            detail="Nothing of it was looked at, and nothing was changed.",
            hint="Connect as the role that deployed: psql's \\dn tandem names it.",
        )
    deployed = [
        name for (name,) in conn.execute("select m.name from tandem.mapping as m order by 1")
    ]
    for name in mappings:
        if name not in deployed:
            raise UnknownMapping(
                f"There is no mapping {name!r} in this database.",
                detail=f"Deployed here: {', '.join(deployed) or 'none'}.",
            )
    chosen = list(mappings) or deployed
    schemas = [f"tandem_{name}" for name in _with_schema(conn, chosen)]
    schemas += [] if mappings else ["tandem"]
    drop = sql.SQL("drop schema {} cascade")
    return tuple(drop.format(sql.Identifier(schema)).as_string(conn) for schema in schemas)


def undeploy(
    conn: psycopg.Connection[Any], mappings: Sequence[str] = (), *, discard_kept: bool = False
) -> tuple[str, ...]:
    """Take mappings out of the database, or everything of pgtandem's, in one transaction.

    Business tables, the hierarchy, the sync columns and all data stay. The triggers go, so the sync
    ends, in whichever phase a mapping is.

    Args:
        conn: an autocommit connection of the role that deployed.
        mappings: names of deployed mappings; none: the whole package.
        discard_kept: also where that throws away what is kept of deleted rows or of a rolled back
            hierarchy, the contents of rejected rows, or imports that are not done.

    Returns:
        The names of what was removed, ``package`` among them; empty without pgtandem.

    Raises:
        UnknownMapping: a mapping is not deployed.
        TandemError: a run or deployment is under way, other objects depend on pgtandem's, or
            something kept would be lost; nothing was changed.
        psycopg.Error: the server refused; nothing was changed.
    """
    statements = undeploy_statements(conn, mappings)
    if not statements:
        return ()
    for attempt in range(1, LOCK_TRIES + 1):
        try:
            with conn.transaction():
                return _undeploy(conn, mappings, statements, discard_kept)
        except psycopg.errors.LockNotAvailable:
            if attempt == LOCK_TRIES:
                raise
    raise AssertionError("unreachable")


def _undeploy(
    conn: psycopg.Connection[Any],
    mappings: Sequence[str],
    statements: Sequence[str],
    discard_kept: bool,
) -> tuple[str, ...]:
    conn.execute("set local search_path = pg_catalog, pg_temp")
    conn.execute("set local lock_timeout = '250ms'")
    conn.execute("set local client_min_messages = warning")
    if not _one(conn, "select pg_catalog.pg_try_advisory_xact_lock(1952542836, 0)"):
        raise TandemError("A deployment is under way.", hint="Try again when it has ended.")
    # Every batch writes tandem.run: no run can begin or go on behind our back. One that stood
    # between two batches shows itself by its lock when it comes to the next.
    conn.execute("lock table tandem.run in share row exclusive mode")
    if _is_running(conn):
        raise TandemError(
            "A run of pgtandem is under way.",
            detail="See SELECT * FROM tandem.progress WHERE running_now;",
            hint="Wait for it, or cancel it.",
        )
    names = list(mappings) or [
        name for (name,) in conn.execute("select m.name from tandem.mapping as m order by 1")
    ]
    _refuse_dependents(conn, [f"tandem_{name}" for name in names], whole=not mappings)
    if not discard_kept:
        _refuse_losses(conn, names)
    for statement in statements:
        conn.execute(statement.encode())
    if mappings:
        conn.execute("delete from tandem.rejected_row where mapping = any (%s)", (names,))
        conn.execute(
            "insert into tandem.deployment (what, version, hash, result)"
            " select m.name, m.version, m.hash, 'removed' from tandem.mapping as m"
            " where m.name = any (%s)",
            (names,),
        )
        conn.execute(
            "update tandem.run set state = 'failed', finished_at = clock_timestamp(),"
            " error_message = 'superseded by undeploy'"
            " where mapping = any (%s) and finished_at is null",
            (names,),
        )
        # a mapping of the same name may have its fields in another order
        conn.execute(
            "update tandem.import_job set state = 'cancelled', finished_at = clock_timestamp()"
            " where mapping = any (%s) and state not in ('done', 'cancelled')",
            (names,),
        )
        conn.execute("delete from tandem.mapping where name = any (%s)", (names,))
        return tuple(names)
    return (*names, "package")


def _is_running(conn: psycopg.Connection[Any]) -> bool:
    for _ in range(RUN_LOOKS):
        if _one(conn, _RUNNING):
            return True
        time.sleep(RUN_LOOK_SECONDS)
    return False


def _refuse_dependents(
    conn: psycopg.Connection[Any], schemas: Sequence[str], *, whole: bool
) -> None:
    """CASCADE would drop views and functions of the user's that use ours; they are not ours."""
    ours = [*schemas, "tandem"] if whole else list(schemas)
    found = [what for (what,) in conn.execute(dependents_query(ours).encode())]
    if found:
        raise TandemError(
            f"{len(found)} objects that are not pgtandem's depend on it.",
            detail=f"{'; '.join(found[:10])}{'; ..' if len(found) > 10 else ''}.",
            hint="Drop or change them first. Nothing was changed.",
        )


def _refuse_losses(conn: psycopg.Connection[Any], names: Sequence[str]) -> None:
    losses = []
    for name in _with_schema(conn, names):
        if (
            _one(conn, "select m.area from tandem.mapping as m where m.name = %s", (name,))
            != "sync"
        ):
            continue
        for table, what in (
            ("kept", "deleted rows kept"),
            ("kept_level", "rows of upper levels kept"),
        ):
            query = sql.SQL("select count(*) from {}").format(
                sql.Identifier(f"tandem_{name}", table)
            )
            if count := _one(conn, query):
                losses.append(f"{name}: {count} {what}")
    for name in names:
        rejected = _one(
            conn,
            "select count(*) from tandem.rejected_row as r"
            " where r.mapping = %s and r.resolved_at is null",
            (name,),
        )
        if rejected:
            losses.append(f"{name}: {rejected} rejected rows")
        waiting = _one(
            conn,
            "select count(*) from tandem.import_job as j"
            " where j.mapping = %s and j.state not in ('done', 'cancelled')",
            (name,),
        )
        if waiting:
            losses.append(f"{name}: {waiting} imports that are not done")
    if losses:
        raise TandemError(
            "What pgtandem keeps would be lost.",
            detail=f"{'; '.join(losses)}.",
            hint="Save or settle it first (tandem.rejected_row, tandem_<mapping>.kept, "
            "tandem.import_job), or say --discard-kept. Nothing was changed.",
        )


def _one(
    conn: psycopg.Connection[Any], query: str | sql.Composed, arguments: Sequence[object] = ()
) -> Any:
    text = query.encode() if isinstance(query, str) else query
    row = conn.execute(text, arguments or None).fetchone()
    assert row is not None
    return row[0]
