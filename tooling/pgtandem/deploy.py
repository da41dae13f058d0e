"""Deploying the package and mappings to a database, and taking them out again."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from pgtandem import __version__
from pgtandem.bundle import Bundle, build_bundle
from pgtandem.mapping import Mapping


@dataclass(frozen=True)
class Deployed:
    """What a deployment did. ``changed`` is empty where there was nothing to do."""

    version: str
    changed: tuple[str, ...]


def deploy(conn: psycopg.Connection, mappings: Sequence[Mapping]) -> Deployed:
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
    if not changed:
        return Deployed(__version__, ())
    try:
        conn.execute(bundle.sql.encode())
    except psycopg.Error as error:
        conn.rollback()
        _record_failure(conn, bundle, error)
        raise
    return Deployed(__version__, changed)


def deployed_hashes(conn: psycopg.Connection) -> dict[str, str]:
    """The hash of everything that is deployed, by name; empty without pgtandem."""
    there = conn.execute("select to_regclass('tandem.deployment') is not null").fetchone()
    if there is None or not there[0]:
        return {}
    rows = conn.execute(
        """
        select distinct on (d.what) d.what, d.hash, d.result from tandem.deployment as d
        where d.result in ('done', 'removed')
        order by d.what, d.deployment_id desc
        """
    ).fetchall()
    return {what: digest for what, digest, result in rows if result == "done"}


def _record_failure(conn: psycopg.Connection, bundle: Bundle, error: psycopg.Error) -> None:
    try:
        for what, digest in bundle.hashes.items():
            conn.execute(
                "insert into tandem.deployment (what, version, hash, result, error)"
                " values (%s, %s, %s, 'failed', %s)",
                (what, __version__, digest, f"{error.sqlstate}: {error}"),
            )
    except psycopg.Error:
        # No registry yet, or no right to write it: the caller gets the error itself.
        return
