"""A shop on a server of its own, which may be broken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pgtandem.deploy import deploy
from pgtandem.mapping import load_mapping
from pgtandem.paths import db_dir
from pgtandem.server import ThrowawayServer
from support.databases import FLAT_TABLE, Database, TestServer
from support.shop import fill

ROWS = 1500


@contextmanager
def deployed_shop(rows: int = ROWS) -> Iterator[Database]:
    """A filled shop with pgtandem deployed, on a server of its own."""
    with ThrowawayServer() as embedded:
        own = TestServer(embedded.conninfo(), embedded.binaries, "embedded", embedded)
        own.make_roles()
        with own.clone(None) as database:
            with psycopg.connect(database.owner_dsn, autocommit=True) as conn:
                conn.execute(FLAT_TABLE)
                deploy(conn, [load_mapping(db_dir() / "mappings" / "products.toml")])
                fill(conn, rows)
            yield database


@contextmanager
def own_shop(rows: int = ROWS) -> Iterator[Database]:
    """A prepared shop whose programs have their rights; nothing is migrated."""
    with deployed_shop(rows) as database:
        with psycopg.connect(database.owner_dsn, autocommit=True) as conn:
            conn.execute("call tandem.prepare('products')")
        database.grant_new_app()
        yield database
