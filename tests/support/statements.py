"""Which statements of our PL/pgSQL the tests execute, by plpgsql_check's profiler.

On when the variable PGTANDEM_STATEMENTS names a folder (`make coverage` does), and for a server
that this process starts itself: the profiler has to be preloaded. It counts in shared memory, per
database, so each clone is asked before it is dropped; each pytest worker writes what it saw into
the folder, and the first process prints the sum.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

SETTINGS = {
    "shared_preload_libraries": "plpgsql_check",
    "plpgsql_check.profiler": "on",
    "plpgsql_check.profiler_max_shared_chunks": "50000",
}
SCHEMAS = ("tandem", "tandem_products")
"""The static routines, and what is rendered of the default mapping."""

ROUTINES = """
select p.oid, p.oid::regprocedure::text, md5(p.prosrc)
from pg_catalog.pg_proc as p
join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
where p.pronamespace::regnamespace::text = any (%s)
"""
CALLED = " and p.oid in (select f.funcoid from plpgsql_profiler_functions_all() as f)"
EXECUTED = """
select stmtid, lineno, stmtname, exec_stmts from plpgsql_profiler_function_statements_tb(%s::oid)
"""

Statement = tuple[str, str, int, int, str]
"""Routine, the hash of its body, the statement's number, its line in the body, what it is."""


@dataclass
class Statements:
    """What one process saw executed. Routines count with the body that this build deploys."""

    folder: Path
    present: dict[str, str] = field(default_factory=dict)
    """Of each routine of the present build the hash of its body."""
    executed: Counter[Statement] = field(default_factory=Counter)

    @classmethod
    def wanted(cls) -> Statements | None:
        """One where the variable asks for it."""
        folder = os.environ.get("PGTANDEM_STATEMENTS")
        return cls(Path(folder)) if folder else None

    def deployed(self, superuser_dsn: str) -> None:
        """Remember which routines there are: this database holds what is deployed now."""
        with psycopg.connect(superuser_dsn, autocommit=True) as conn:
            self.present = {name: body for _, name, body in conn.execute(ROUTINES, [[*SCHEMAS]])}

    def collect(self, superuser_dsn: str) -> None:
        """Add what was executed in this database, which nobody writes any more."""
        with psycopg.connect(superuser_dsn) as conn:
            conn.execute("set plpgsql_check.profiler = off")
            conn.execute("drop extension if exists plpgsql_check")  # a test may have made it
            conn.execute("create schema profiled")
            conn.execute("create extension plpgsql_check schema profiled")
            conn.execute("set search_path = profiled, pg_catalog")
            for oid, name, body in conn.execute(ROUTINES + CALLED, [[*SCHEMAS]]).fetchall():
                # A body whose tables the test has dropped cannot be read any more.
                with suppress(psycopg.Error), conn.transaction():
                    for number, line, what, times in conn.execute(EXECUTED, [oid]).fetchall():
                        self.executed[name, body, number, line, what] += times
            # Of all databases; with its memory full 2.3.0 waits for its own lock forever.
            conn.execute("select plpgsql_profiler_reset_all()")
            conn.rollback()  # a template stays as it is

    def write(self) -> None:
        """Leave it for the process that prints the sum."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"present": self.present, "executed": list(self.executed.items())})
        (self.folder / f"{os.getpid()}.json").write_text(text)


def summary(folder: Path) -> Iterable[str]:
    """Lines for the end of the run: routines with statements that no test executed, and the sum."""
    present: dict[str, str] = {}
    executed: Counter[Statement] = Counter()
    for part in folder.glob("*.json"):
        seen = json.loads(part.read_text())
        present |= seen["present"]
        for statement, times in seen["executed"]:
            executed[tuple(statement)] += times
    statements = [one for one in executed if present.get(one[0]) == one[1]]
    missed = sorted(one for one in statements if not executed[one])
    never = sorted(set(present) - {one[0] for one in statements})
    yield from (f"{name}: never called" for name in never)
    for name in sorted({one[0] for one in missed}):
        lines = ", ".join(f"{line} {what}" for other, _, _, line, what in missed if other == name)
        yield f"{name}: line {lines}"
    done = len(statements) - len(missed)
    yield (
        f"PL/pgSQL: {done} of {len(statements)} statements executed "
        f"({100 * done / max(1, len(statements)):.1f} %) "
        f"in the {len(present) - len(never)} of {len(present)} routines that were called"
    )
