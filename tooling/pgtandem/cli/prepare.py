"""`pgtandem prepare`: the user's tables made ready, and the indexes that need no transaction."""

from __future__ import annotations

import re
from typing import Final

import click
import psycopg
from psycopg import sql

from pgtandem.cli.group import EXIT_INTERRUPTED
from pgtandem.cli.options import (
    Database,
    State,
    connected,
    database,
    mapping_argument,
    say,
    this_command,
)
from pgtandem.cli.output import select
from pgtandem.cli.running import call, phase_of
from pgtandem.errors import Retryable, from_database

ATTEMPTS: Final = 3

# Left behind by a CREATE INDEX CONCURRENTLY that was broken off; one that is being built now is
# invalid, too, and is not a leftover.
_LEFTOVERS: Final = """
select n.nspname::text, c.relname::text, pg_catalog.quote_ident(c.relname)
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where i.indrelid = pg_catalog.to_regclass(%s) and not i.indisvalid
    and not exists (
        select from pg_catalog.pg_stat_progress_create_index as p where p.relid = i.indrelid
    )
"""


@click.command("prepare")
@mapping_argument
@connected
def command(state: State, mapping: str) -> None:
    """Make tables, columns, indexes and disabled triggers that the mapping needs; only add.

    Each statement is a short transaction of its own. Then the indexes of large tables, built
    CONCURRENTLY, one at a time, which blocks nobody. `plan` shows all of it beforehand. The same
    command again does what is still missing.
    """
    with database(state) as db:
        call(db, "call tandem.prepare(%s)", (mapping,), kind="prepare", mapping=mapping)
        steps = select(
            db.conn,
            "select p.statement, p.relation from tandem.plan(%s) as p "
            "where p.run_by = 'tool' and p.verb <> 'rollback' order by p.step",
            mapping,
        )
        for statement, relation in steps.rows:
            _run_alone(db, concurrently(statement), relation)
        # an import's mapping is ready then
        is_import = phase_of(db, mapping) in ("ready", "retired")
    following = f"import run {mapping} FILE" if is_import else f"analyze {mapping}"
    say(f"{mapping} is prepared. Next:  pgtandem {following}")


def concurrently(statement: str) -> str:
    """The statement as one that builds its index CONCURRENTLY, and without a semicolon."""
    return re.sub(
        r"\A(create (?:unique )?index) (?!concurrently\b)",
        r"\1 concurrently ",
        statement.strip().rstrip(";"),
        flags=re.IGNORECASE,
    )


def _run_alone(db: Database, statement: str, relation: str) -> None:
    """One statement outside a transaction; what a broken attempt has left is dropped before."""
    for attempt in range(1, ATTEMPTS + 1):
        _drop_leftovers(db, statement, relation)
        say(f"{statement};")
        try:
            db.conn.execute(statement.encode())
            return
        except KeyboardInterrupt:
            say(
                "Stopped, in the server too. The unfinished index is invalid and unused; this "
                f"drops it and goes on:  {this_command()}"
            )
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
        except psycopg.Error as error:
            if attempt == ATTEMPTS or not isinstance(from_database(error), Retryable):
                _drop_leftovers(db, statement, relation)
                raise
            say(f"{error.diag.message_primary}; once more ({attempt + 1} of {ATTEMPTS})")


def _drop_leftovers(db: Database, statement: str, relation: str) -> None:
    for schema, name, quoted in select(db.conn, _LEFTOVERS, relation).rows:
        if f" {quoted} on " in statement:
            drop = sql.SQL("drop index concurrently {}").format(sql.Identifier(schema, name))
            say(f"{drop.as_string(db.conn)};  -- left by an attempt that was broken off")
            db.conn.execute(drop)
