"""What the benchmarks share: one server, a shop of a given size, and databases cloned from it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

import pgtandem.demo
from pgtandem.demo.generator import copy_rows
from pgtandem.deploy import deploy
from pgtandem.mapping import load_mapping
from pgtandem.paths import db_dir
from pgtandem.server import ThrowawayServer

Connection = psycopg.Connection[tuple[object, ...]]

SETTINGS = {"max_wal_size": "8GB", "shared_buffers": "1GB", "checkpoint_timeout": "30min"}


class Lab:
    """A throwaway server with the demo's shop in it; each measurement gets a database of its own."""

    def __init__(self, server: ThrowawayServer) -> None:
        self.server = server
        self._numbers = itertools.count(1)

    def fill(self, rows: int) -> None:
        """The shop that all databases are cloned from: the demo's dirty rows, analysed."""
        with self.connect("postgres") as conn:
            conn.execute("drop database if exists shop")
            conn.execute("create database shop")
        with self.connect("shop") as conn:
            conn.execute(Path(pgtandem.demo.__file__).with_name("shop.sql").read_bytes())
            copy_rows(conn, rows)
            # rows without a name are rejected by both sides; they would only blur the comparison
            conn.execute("delete from tblproduct where btrim(productname) = ''")
            conn.execute("vacuum (freeze, analyze) tblproduct")

    @contextmanager
    def database(self) -> Iterator[str]:
        """The name of a fresh clone of the shop, with pgtandem deployed and prepared in it."""
        name = f"clone_{next(self._numbers)}"
        with self.connect("postgres") as conn:
            conn.execute(sql.SQL("create database {} template shop").format(sql.Identifier(name)))
        with self.connect(name) as conn:
            deploy(conn, [load_mapping(db_dir() / "mappings" / "products.toml")])
            conn.execute("call tandem.prepare('products')")
            conn.execute("checkpoint")
        yield name
        with self.connect("postgres") as conn:
            conn.execute(sql.SQL("drop database {} (force)").format(sql.Identifier(name)))

    def connect(self, database: str) -> Connection:
        return psycopg.connect(self.server.conninfo(database), autocommit=True)


@contextmanager
def lab(rows: int) -> Iterator[Lab]:
    """A server with a shop of so many rows; removed at the end."""
    with ThrowawayServer(SETTINGS) as server:
        it = Lab(server)
        it.fill(rows)
        yield it
