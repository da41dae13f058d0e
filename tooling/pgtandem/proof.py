"""A mapping proved on a throwaway server: what `pgtandem test` does.

As an owner who is no superuser it makes the flat table from the mapping's types, fills it with
random rows, migrates it (killed once with SIGKILL, and resumed), writes at random on both sides and
looks for drift after each write, goes back and forward again. Nothing of the user's is touched.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import sql

from pgtandem.connection import Connection
from pgtandem.deploy import deploy
from pgtandem.errors import PgTandemError, UsageError
from pgtandem.mapping import Level, Mapping, Pair, Satellite
from pgtandem.server import ThrowawayServer
from pgtandem.sqltext import STRING_TYPES, split_type

OWNER: Final = "shop_owner"
DATABASE: Final = "proof"
ROWS: Final = 1500
WRITES: Final = 200
BATCH_ROWS: Final = 50
PAUSE_MS: Final = 20
"""Between batches of the run that is to be killed, so that there is a moment for it."""
KILL_SECONDS: Final = 30

# What a write may be refused with: a broken constraint, or a value that does not fit.
_REFUSALS: Final = ("22", "23", "TD")
_INTEGERS: Final = frozenset({"smallint", "integer", "bigint"})


@dataclass(frozen=True)
class Proof:
    """Something that was tried, and what came of it."""

    what: str
    passed: bool
    detail: str


def prove(
    mapping: Mapping, *, seed: int = 1, rows: int = ROWS, writes: int = WRITES
) -> Iterator[Proof]:
    """Try `mapping` on a server of its own; yields a Proof for each thing tried, in order.

    The same `seed` gives the same rows and writes. Ends early where nothing further makes sense.
    Raises UsageError for a mapping whose types the server does not have.
    """
    with ThrowawayServer() as server:
        trial = _Trial(server, mapping, random.Random(seed))
        trial.make(rows)
        try:
            for step in (
                trial.deployed,
                trial.killed_and_resumed,
                trial.complete,
                trial.written_back,
                lambda: trial.written_at_random(writes),
                trial.back_and_forward,
                trial.all_the_way_back,
            ):
                yield from step()
        except psycopg.Error as error:
            yield Proof("no error of the database", False, f"{error.sqlstate}: {error}")
        finally:
            trial.conn.close()


@dataclass
class _Trial:
    server: ThrowawayServer
    mapping: Mapping
    random: random.Random
    conn: Connection = field(init=False)
    columns_before: list[Any] = field(default_factory=list)

    # -- the table

    def make(self, rows: int) -> None:
        """Role, database, flat table, rows."""
        with closing(psycopg.connect(self.server.conninfo(), autocommit=True)) as admin:
            admin.execute(sql.SQL("create role {} login").format(sql.Identifier(OWNER)))
            create = sql.SQL("create database {} owner {}")
            admin.execute(create.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
        self.conn = self.connect()
        if self.mapping.schema != "public":
            create = sql.SQL("create schema {}")
            self.conn.execute(create.format(sql.Identifier(self.mapping.schema)))
        try:
            self._make_table()
        except psycopg.errors.UndefinedObject as error:
            raise UsageError(
                f"A throwaway server does not have what the mapping needs: "
                f"{error.diag.message_primary}.",
                hint="Types of your own and of extensions cannot be proved here.",
            ) from None
        for _ in range(rows):
            self.insert_flat()
        self.columns_before = self._flat_columns()

    def connect(self) -> Connection:
        return psycopg.connect(
            self.server.conninfo(DATABASE, OWNER),
            autocommit=True,
            application_name="pgtandem test",
        )

    def _make_table(self) -> None:
        flat = self.mapping.flat
        serial = sql.Identifier(self.mapping.schema, "proof_key")
        self.conn.execute(sql.SQL("create sequence {}").format(serial))
        base = split_type(flat.key_type)[0]
        next_value = sql.SQL("nextval({})").format(sql.Literal(serial.as_string(self.conn)))
        if base in _INTEGERS or base == "numeric":
            new_key: sql.Composable = next_value
        elif base == "uuid":
            new_key = sql.SQL("gen_random_uuid()")
        elif base in STRING_TYPES:
            new_key = sql.SQL("{}::text").format(next_value)
        else:
            raise UsageError(f"Keys of the type {flat.key_type} cannot be proved here.")
        columns = []
        for name, kind in flat.types:
            column = sql.SQL("{} {}").format(sql.Identifier(name), _type(kind))
            if name == flat.key:
                column = sql.SQL("{} primary key default {}").format(column, new_key)
            columns.append(column)
        if flat.touch is not None and flat.touch not in dict(flat.types):
            touch = sql.SQL("{} timestamptz not null default now()")
            columns.append(touch.format(sql.Identifier(flat.touch)))
        create = sql.SQL("create table {} ({})")
        self.conn.execute(create.format(self.flat, sql.SQL(", ").join(columns)))
        if flat.new_key is not None:
            # analyze refuses one without a search path
            function = sql.SQL(
                "create function {}() returns {} language sql"
                " set search_path = pg_catalog, pg_temp as {}"
            )
            body = sql.SQL("select {}::{}").format(new_key, _type(flat.key_type))
            self.conn.execute(
                function.format(
                    sql.Identifier(self.mapping.schema, flat.new_key),
                    _type(flat.key_type),
                    sql.Literal(body.as_string(self.conn)),
                )
            )

    @property
    def flat(self) -> sql.Identifier:
        return sql.Identifier(self.mapping.schema, self.mapping.flat.table)

    def table(self, part: Level | Satellite) -> sql.Identifier:
        return sql.Identifier(self.mapping.schema, part.table)

    def _flat_columns(self) -> list[Any]:
        query = (
            "select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull"
            " from pg_attribute as a where a.attrelid = to_regclass(%s) and a.attnum > 0"
            " and not a.attisdropped order by a.attnum"
        )
        return self.conn.execute(query, (self.flat.as_string(self.conn),)).fetchall()

    # -- asking

    def one(self, query: sql.Composable | str, *arguments: object) -> Any:
        text = query.encode() if isinstance(query, str) else query.as_string(self.conn).encode()
        row = self.conn.execute(text, arguments or None).fetchone()
        return None if row is None else row[0]

    def drift(self) -> int:
        return int(self.one("select tandem.drift_count(%s)", self.mapping.name))

    def old_columns(self, without: object = None) -> str:
        """A checksum of the columns that old programs know, of all rows or all but one."""
        key = sql.Identifier(self.mapping.flat.key)
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in self.mapping.flat.types)
        query = sql.SQL(
            "select coalesce(md5(string_agg(row({})::text, ',' order by f.{}::text)), '')"
            " from {} as f where f.{}::text is distinct from %s::text"
        ).format(names, key, self.flat, key)
        return str(self.one(query, without))

    def versions(self, table: sql.Identifier) -> str:
        """Changes with any row version that is written."""
        query = sql.SQL("select md5(string_agg(t.ctid::text, ',' order by t.ctid)) from {} as t")
        return str(self.one(query.format(table)))

    def any_row(self, table: sql.Identifier, column: str) -> Any:
        query = sql.SQL("select t.{} from {} as t order by t.{}::text offset {} limit 1")
        name = sql.Identifier(column)
        count = self.one(sql.SQL("select count(*) from {}").format(table))
        place = self.random.randrange(count) if count else 0
        return self.one(query.format(name, table, name, sql.Literal(place)))

    # -- what is proved

    def deployed(self) -> Iterator[Proof]:
        before = self.old_columns()
        deploy(self.conn, [self.mapping])
        unchanged = self._flat_columns() == self.columns_before and self.old_columns() == before
        yield Proof("deployed by an owner who is no superuser", True, "")
        yield Proof("deploy leaves the flat table alone", unchanged, "columns and rows compared")
        blockers = self.conn.execute(
            "select a.finding, a.subject, a.cure from tandem.analyze(%s) as a"
            " where a.severity = 'blocker'",
            (self.mapping.name,),
        ).fetchall()
        yield Proof("analyze finds no blocker", not blockers, "; ".join(map(str, blockers)))
        self.conn.execute("call tandem.prepare(%s)", (self.mapping.name,))
        alone = self.conn.execute(
            "select p.statement from tandem.plan(%s) as p"
            " where p.run_by = 'tool' and p.verb = 'prepare' order by p.step",
            (self.mapping.name,),
        ).fetchall()
        for (statement,) in alone:
            self.conn.execute(statement.encode())
        yield Proof("prepared", self.old_columns() == before, "old columns compared")

    def killed_and_resumed(self) -> Iterator[Proof]:
        before = self.old_columns()
        moved = self._migrate_and_kill()
        self._wait_for_server()
        self.conn.close()
        self.conn = self.connect()
        total = int(self.one(sql.SQL("select count(*) from {}").format(self.flat)))
        yield Proof(
            "a migration killed with SIGKILL keeps what it had committed",
            0 < moved < total,
            f"killed after {moved} of {total} rows",
        )
        self.conn.execute(
            "call tandem.migrate(%s, p_batch_rows => %s)", (self.mapping.name, BATCH_ROWS * 4)
        )
        row = self.conn.execute(
            "select r.state, r.attempt, r.read_rows, r.written_rows + r.unchanged_rows +"
            " r.rejected_rows from tandem.run as r where r.kind = 'migrate' and r.mapping = %s"
            " order by r.run_id desc limit 1",
            (self.mapping.name,),
        ).fetchone()
        assert row is not None
        state, attempt, read, accounted = row
        yield Proof(
            "the same call goes on and does each row once",
            state == "done" and attempt > 1 and read == accounted == total,
            f"{state}, attempt {attempt}, {read} rows read, {accounted} accounted for",
        )
        yield Proof("the old columns are as they were", self.old_columns() == before, "checksum")

    def _migrate_and_kill(self) -> int:
        """Rows done when the backend was killed."""
        runner = self.connect()
        runner.execute("set application_name = 'pgtandem test, to be killed'")

        def work() -> None:
            with suppress(psycopg.Error):  # it is killed
                runner.execute(
                    "call tandem.migrate(%s, p_batch_rows => %s, p_pause_ms => %s)",
                    (self.mapping.name, BATCH_ROWS, PAUSE_MS),
                )

        pid = runner.info.backend_pid
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        deadline = time.monotonic() + KILL_SECONDS
        done = 0
        while done < 3 * BATCH_ROWS and thread.is_alive() and time.monotonic() < deadline:
            done = self.one("select coalesce(max(r.read_rows), 0) from tandem.run as r") or 0
            time.sleep(0.005)
        if thread.is_alive():
            os.kill(pid, signal.SIGKILL)
            self._wait_for_end_of_session()
        thread.join(KILL_SECONDS)
        runner.close()
        return int(done)

    def _wait_for_end_of_session(self) -> None:
        """Ours ends when the server has noticed the kill; before that it takes new sessions."""
        deadline = time.monotonic() + KILL_SECONDS
        with suppress(psycopg.OperationalError):
            while time.monotonic() < deadline:
                self.conn.execute("select")
                time.sleep(0.01)

    def _wait_for_server(self) -> None:
        """A killed backend makes the server end all sessions and recover."""
        deadline = time.monotonic() + KILL_SECONDS
        while time.monotonic() < deadline:
            with suppress(psycopg.OperationalError):
                with closing(self.connect()) as conn:
                    conn.execute("select")
                return
            time.sleep(0.05)
        raise PgTandemError("The throwaway server did not come back after the kill.")

    def complete(self) -> Iterator[Proof]:
        checks = self.conn.execute(
            "select v.check_name, v.passed, v.expected, v.actual from tandem.validate(%s) as v",
            (self.mapping.name,),
        ).fetchall()
        failed = [
            f"{name}: {expected} expected, {actual} found"
            for name, passed, expected, actual in checks
            if passed is False
        ]
        yield Proof("validate", not failed, "; ".join(failed) or f"{len(checks)} checks")
        drift = self.drift()
        yield Proof("drift 0 after the migration", drift == 0, f"drift {drift}")

    def written_back(self) -> Iterator[Proof]:
        """GetPut: writing back what is there writes nothing on the other side."""
        parts: list[Level | Satellite] = [*self.mapping.chain, *self.mapping.satellites]
        tables = [self.table(part) for part in parts]
        before = [self.versions(table) for table in tables]
        self.conn.execute(self._same_values(self.flat, [pair.flat for pair in self.mapping.pairs]))
        yield Proof(
            "writing back flat values writes nothing in the hierarchy",
            [self.versions(table) for table in tables] == before,
            "row versions compared",
        )
        version = self.versions(self.flat)
        for level in self.mapping.chain:
            columns = [pair.hier for pair in level.pairs]
            self.conn.execute(self._same_values(self.table(level), columns))
        yield Proof(
            "writing back the hierarchy's values writes nothing in the flat table",
            self.versions(self.flat) == version,
            "row versions compared",
        )

    @staticmethod
    def _same_values(table: sql.Identifier, columns: list[str]) -> sql.Composed:
        pairs = [sql.SQL("{0} = {0}").format(sql.Identifier(column)) for column in columns]
        return sql.SQL("update {} set {}").format(table, sql.SQL(", ").join(pairs))

    def written_at_random(self, writes: int) -> Iterator[Proof]:
        flat = [self.insert_flat, self.update_flat, self.update_flat, self.delete_flat]
        hierarchy = [self.update_level, self.move, self.insert_leaf, self.update_leaf]
        hierarchy += [self.update_leaf, self.delete_leaf]
        if self.mapping.satellites:
            hierarchy += [self.insert_satellite, self.delete_satellite]
        accepted = refused = 0
        for number in range(1, writes + 1):
            operation = self.random.choice(flat if self.random.random() < 0.5 else hierarchy)
            self.statement = ""
            try:
                touched_others = operation()
                accepted += 1
            except psycopg.Error as error:
                touched_others = False
                refused += 1
                if not (error.sqlstate or "").startswith(_REFUSALS):
                    text = f"{error.sqlstate}: {error.diag.message_primary} in {self.statement}"
                    yield Proof(f"random writes, number {number}", False, text)
                    return
            drift = self.drift()
            if drift or touched_others:
                text = f"drift {drift}" if drift else "another flat row changed"
                yield Proof(f"random writes, number {number}", False, f"{text}: {self.statement}")
                return
        yield Proof(
            "random writes on both sides, drift 0 after each",
            accepted > writes // 3,
            f"{accepted} accepted, {refused} refused",
        )
        yield Proof("a flat write changes no other flat row", True, "checksum of all others")
        yield from self.complete()

    def back_and_forward(self) -> Iterator[Proof]:
        before = self.old_columns()
        self.conn.execute("call tandem.rollback(%s)", (self.mapping.name,))
        yield Proof("rollback leaves the flat rows as they are", self.old_columns() == before, "")
        for _ in range(20):
            with suppress(psycopg.errors.IntegrityError):
                self.random.choice([self.insert_flat, self.update_flat, self.delete_flat])()
        self.conn.execute("call tandem.migrate(%s)", (self.mapping.name,))
        drift = self.drift()
        yield Proof("forward again, after writes on the flat side", drift == 0, f"drift {drift}")
        yield from self.complete()

    def all_the_way_back(self) -> Iterator[Proof]:
        before = self.old_columns()
        self.conn.execute(
            "call tandem.rollback(%s, p_hierarchy => 'remove', p_drop_columns => true)",
            (self.mapping.name,),
        )
        same = self._flat_columns() == self.columns_before and self.old_columns() == before
        yield Proof("all the way back: the flat table as it was", same, "columns and rows compared")

    # -- random writes; each returns whether flat rows changed that it must not change

    statement: str = ""

    def run(self, statement: sql.Composed, *arguments: object) -> psycopg.Cursor[tuple[Any, ...]]:
        self.statement = f"{statement.as_string(self.conn)} with {arguments!r}"
        return self.conn.execute(statement, arguments or None)

    def value(self, kind: str) -> str | None:
        """A value of a type as text, from few, so that rows share parents."""
        return _value(self.random, kind)

    def _values(self, pairs: list[tuple[str, str]]) -> tuple[list[sql.Composable], list[Any]]:
        """`column = value` is made of these: names with casts, and arguments."""
        casts: list[sql.Composable] = [sql.SQL("%s::text::{}").format(_type(k)) for _, k in pairs]
        return casts, [self.value(kind) for _, kind in pairs]

    def insert_flat(self) -> bool:
        pairs = [(pair.flat, pair.flat_type) for pair in self.mapping.pairs]
        return self._insert(self.flat, pairs)

    def _insert(
        self,
        table: sql.Identifier,
        pairs: list[tuple[str, str]],
        fixed: dict[str, Any] | None = None,
    ) -> bool:
        casts, arguments = self._values(pairs)
        fixed = fixed or {}
        names = [sql.Identifier(name) for name in (*(name for name, _ in pairs), *fixed)]
        casts += [sql.SQL("%s")] * len(fixed)
        insert = sql.SQL("insert into {} ({}) values ({})")
        self.run(
            insert.format(table, sql.SQL(", ").join(names), sql.SQL(", ").join(casts)),
            *arguments,
            *fixed.values(),
        )
        return False

    def update_flat(self) -> bool:
        pairs = [(pair.flat, pair.flat_type) for pair in self._some(self.mapping.pairs)]
        key = self.any_row(self.flat, self.mapping.flat.key)
        before = self.old_columns(without=key)
        self._update(self.flat, pairs, self.mapping.flat.key, key)
        return self.old_columns(without=key) != before

    def delete_flat(self) -> bool:
        key = self.any_row(self.flat, self.mapping.flat.key)
        before = self.old_columns(without=key)
        delete = sql.SQL("delete from {} where {} = %s")
        self.run(delete.format(self.flat, sql.Identifier(self.mapping.flat.key)), key)
        return self.old_columns(without=key) != before

    def _some(self, pairs: tuple[Pair, ...]) -> list[Pair]:
        return self.random.sample(pairs, self.random.randint(1, min(3, len(pairs))))

    def _update(
        self, table: sql.Identifier, pairs: list[tuple[str, str]], key: str, value: object
    ) -> None:
        casts, arguments = self._values(pairs)
        changes = [
            sql.SQL("{} = {}").format(sql.Identifier(name), cast)
            for (name, _), cast in zip(pairs, casts, strict=True)
        ]
        update = sql.SQL("update {} set {} where {} = %s")
        self.run(
            update.format(table, sql.SQL(", ").join(changes), sql.Identifier(key)),
            *arguments,
            value,
        )

    def update_level(self) -> bool:
        level = self.random.choice(self.mapping.levels)
        pairs = [(pair.hier, pair.hier_type) for pair in self._some(level.pairs)]
        table = self.table(level)
        self._update(table, pairs, level.id, self.any_row(table, level.id))
        return False

    def update_leaf(self) -> bool:
        leaf = self.mapping.leaf
        pairs = [(pair.hier, pair.hier_type) for pair in self._some(leaf.pairs)]
        table = self.table(leaf)
        self._update(table, pairs, leaf.id, self.any_row(table, leaf.id))
        return False

    def move(self) -> bool:
        """A row of a level, or a leaf, gets another parent."""
        number = self.random.randrange(1, len(self.mapping.chain))
        level, above = self.mapping.chain[number], self.mapping.chain[number - 1]
        assert level.parent is not None
        change = sql.SQL("update {} set {} = %s where {} = %s").format(
            self.table(level), sql.Identifier(level.parent), sql.Identifier(level.id)
        )
        self.run(
            change,
            self.any_row(self.table(above), above.id),
            self.any_row(self.table(level), level.id),
        )
        return False

    def insert_leaf(self) -> bool:
        leaf, above = self.mapping.leaf, self.mapping.bottom
        assert leaf.parent is not None
        pairs = [(pair.hier, pair.hier_type) for pair in leaf.pairs]
        parent = self.any_row(self.table(above), above.id)
        return self._insert(self.table(leaf), pairs, {leaf.parent: parent})

    def delete_leaf(self) -> bool:
        return self._delete_any(self.mapping.leaf)

    def insert_satellite(self) -> bool:
        satellite = self.random.choice(self.mapping.satellites)
        leaf = self.mapping.leaf
        pairs = [
            (pair.hier, pair.hier_type)
            for pair in satellite.pairs
            if pair.hier not in dict(satellite.where)
        ]
        fixed = {satellite.parent: self.any_row(self.table(leaf), leaf.id), **dict(satellite.where)}
        return self._insert(self.table(satellite), pairs, fixed)

    def delete_satellite(self) -> bool:
        return self._delete_any(self.random.choice(self.mapping.satellites))

    def _delete_any(self, part: Level | Satellite) -> bool:
        table = self.table(part)
        delete = sql.SQL("delete from {} where {} = %s")
        self.run(delete.format(table, sql.Identifier(part.id)), self.any_row(table, part.id))
        return False


def _type(name: str) -> sql.SQL:
    """A type's name, which the mapping has checked to be one."""
    split_type(name)
    return sql.SQL(name)


_WORDS: Final = ("A", "B", "b", "Ünï", "x y", "z ", "", " ", "1", "two", "three", "a longer word")

_EXAMPLES: Final = {
    "boolean": ("true", "false"),
    "date": ("2020-02-29", "1999-12-31"),
    "timestamptz": ("2020-02-29 12:00:00.123456+00", "1999-12-31 23:59:59+00"),
    "timestamp": ("2020-02-29 12:00:00.123456", "1999-12-31 23:59:59"),
    "time": ("12:00", "23:59:59.5"),
    "timetz": ("12:00+02", "23:59:59.5+00"),
    "interval": ("1 day", "02:03:04"),
    "uuid": ("00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "json": ('{"a": 1}', '{"b":  [1.0, null]}', "[]"),
    "jsonb": ('{"a": 1}', '{"b": [1.0, null]}', "[]"),
    "bytea": ("\\x00ff", "\\x"),
    "xml": ("<a/>", "<b>1</b>"),
    "point": ("(1,2)", "(0,0)"),
    "inet": ("10.0.0.1", "::1"),
    "float4": ("0", "1.5", "-2.25", "NaN"),
    "float8": ("0", "1.5", "-2.25", "NaN"),
    "money": ("1.50", "0"),
}


def _value(rnd: random.Random, kind: str) -> str | None:
    base, size = split_type(kind)
    if rnd.random() < 0.1:
        return None
    if base.endswith("[]"):
        item = _value(rnd, base[:-2]) or ""
        quoted = item.replace("\\", "\\\\").replace('"', '\\"')
        return f'{{"{quoted}"}}' if item else "{}"
    if base in STRING_TYPES or base.endswith(".citext"):
        word = rnd.choice(_WORDS)
        return word[: size[0]] if size else word
    if base in _INTEGERS:
        return str(rnd.randrange(8))
    if base == "numeric":
        digits = (size[0] - (size[1] if len(size) > 1 else 0)) if size else 3
        return rnd.choice(("0", "1", "2.5", "7.25")) if digits > 0 else "0"
    examples = _EXAMPLES.get(base)
    return None if examples is None else rnd.choice(examples)
