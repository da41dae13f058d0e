"""The two shops that laws and traps are tested on: their mappings, tables, roles and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from pgtandem.mapping import Level, Mapping, Satellite, load_mapping, parse_mapping
from pgtandem.paths import db_dir
from pgtandem.sqltext import ident, relation
from support.databases import FLAT_TABLE, Connection, Database
from support.shop import one

Row = tuple[Any, ...]

MAPPINGS = Path(__file__).parent.parent / "mappings"

ORDERS_FLAT_TABLE = '''
create schema "Verkauf ""Süd""";
grant usage on schema "Verkauf ""Süd""" to old_app, new_app;
set search_path = "Verkauf ""Süd""";
create table "Bestell Zeile" (
  "select" text primary key,
  "Kunde Name" text,
  "group" text,
  "Artikel ""roh"" Nr" varchar(12),
  "Daten" json,
  "Rabatt" numeric(6,2),
  "Land" char(2),
  "Preis" numeric(10,2),
  "Währung" char(3) default 'EUR',
  "Notiz" text not null default 'unmapped'
);
create sequence numbers;
create function next_number() returns text language sql set search_path = pg_catalog, pg_temp
as $$ select 'B' || nextval('"Verkauf ""Süd""".numbers') $$;
grant select, insert, update, delete on "Bestell Zeile" to old_app;
reset search_path;
'''


def products(skip_echo: bool = True) -> Mapping:
    """The default mapping, with the echo shortcut or without."""
    mapping = load_mapping(db_dir() / "mappings" / "products.toml")
    return mapping if skip_echo else _without_shortcut(mapping)


def orders(skip_echo: bool = True) -> Mapping:
    """The tests' other mapping, with the echo shortcut or without."""
    mapping = load_mapping(MAPPINGS / "orders.toml")
    return mapping if skip_echo else _without_shortcut(mapping)


def _without_shortcut(mapping: Mapping) -> Mapping:
    source = mapping.source
    if "[policy]" in source:
        source = source.replace("[policy]", "[policy]\nskip_echo = false")
    else:
        source += "\n[policy]\nskip_echo = false\n"
    return replace(parse_mapping(source), source=source)


def flat_table(mapping: Mapping) -> str:
    """The DDL of a mapping's flat table, and the old program's rights on it."""
    return FLAT_TABLE if mapping.name == "products" else ORDERS_FLAT_TABLE


@dataclass
class Shop:
    """A database with one mapping: its names, quoted, and a session of each role."""

    db: Database
    mapping: Mapping
    _sessions: dict[str, Connection] = field(default_factory=dict)

    @cached_property
    def schema(self) -> str:
        """The schema of the rendered code, quoted."""
        return ident(self.mapping.tandem)

    @cached_property
    def flat(self) -> str:
        """The flat table, qualified and quoted."""
        return relation(self.mapping.flat.table, self.mapping.schema)

    @cached_property
    def parts(self) -> tuple[Level | Satellite, ...]:
        """Levels from the top down, the leaf, its satellites."""
        return (*self.mapping.chain, *self.mapping.satellites)

    def table(self, name: str) -> str:
        """A table of the hierarchy by the name of its level or satellite, qualified and quoted."""
        for part in self.parts:
            if part.name == name:
                return relation(part.table, self.mapping.schema)
        raise KeyError(name)

    @cached_property
    def hierarchy(self) -> tuple[str, ...]:
        """The hierarchy's tables, children first."""
        return tuple(relation(part.table, self.mapping.schema) for part in reversed(self.parts))

    def _session(self, role: str) -> Connection:
        if role not in self._sessions or self._sessions[role].closed:
            self._sessions[role] = self.connect(role)
        return self._sessions[role]

    def connect(self, role: str, **options: Any) -> Connection:
        """A new session of a role: shop_owner, old_app or new_app."""
        return self.db.connect(self.db.dsn(role), **options)

    @property
    def owner(self) -> Connection:
        """shop_owner's session: owns the tables, deploys, calls the verbs."""
        return self._session("shop_owner")

    @property
    def old(self) -> Connection:
        """old_app's session: rights on the flat table only."""
        return self._session("old_app")

    @property
    def new(self) -> Connection:
        """new_app's session: rights on the hierarchy only."""
        return self._session("new_app")

    def rows(self, query: str, *values: object) -> list[Row]:
        """All rows of a query, read by the owner."""
        return self.owner.execute(query, values or None).fetchall()

    def value(self, query: str, *values: object) -> Any:
        """The first value of a query's only row, read by the owner."""
        (row,) = self.rows(query, *values)
        return row[0]

    def grant(self) -> None:
        """Give new_app its rights on the hierarchy."""
        for table in self.hierarchy:
            self.owner.execute(f"grant select, insert, update, delete on {table} to new_app")

    def migrate(self) -> None:
        """Prepare and migrate."""
        self.owner.execute("call tandem.prepare(%s)", (self.mapping.name,))
        self.grant()
        self.owner.execute("call tandem.migrate(%s)", (self.mapping.name,))

    def drift(self) -> list[Row]:
        """Where the sides differ; rejected rows and due prices are no drift."""
        return self.rows(
            "select * from tandem.drift(%s) where kind not in ('rejected', 'price_due')",
            self.mapping.name,
        )

    def assert_in_step(self) -> None:
        """No drift, and every check of validate passes."""
        assert self.drift() == []
        failed = self.rows("select * from tandem.validate(%s) where not passed", self.mapping.name)
        assert failed == []

    def reset(self) -> None:
        """Empty both sides and what was kept of them; in step again where a test broke off."""
        owner = self.owner
        if one(owner, "select phase from tandem.status") != "migrated":
            for call in ("prepare", "migrate"):
                owner.execute(f"call tandem.{call}(%s)", (self.mapping.name,))
        with owner.transaction():
            owner.execute(f"delete from {self.flat}")
            for table in self.hierarchy:
                owner.execute(f"delete from {table}")
            for table in ("kept", "kept_level", "due"):
                owner.execute(f"delete from {self.schema}.{table}")
            owner.execute("delete from tandem.rejected_row")


def sqlstate(
    conn: Connection, statement: str, values: Sequence[object] | None = None
) -> str | None:
    """Run a statement; the SQLSTATE that it failed with, or None."""
    try:
        conn.execute(statement, values)
    except psycopg.Error as error:
        return error.sqlstate
    return None
