"""`pgtandem rollback`: back to the flat table alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click
from psycopg import sql

from pgtandem.cli.options import (
    Database,
    State,
    connected,
    database,
    mapping_argument,
    say,
    this_command,
)
from pgtandem.cli.output import print_record, scalar, select
from pgtandem.cli.running import call, latest_run, phase_of, run_pairs
from pgtandem.errors import EXIT_REFUSED

_DOES_OF_IMPORT: Final = (
    "takes the views away, then drops the indexes CONCURRENTLY; tables, rows and imports stay"
)


@click.command("rollback")
@mapping_argument
@click.option(
    "--hierarchy",
    type=click.Choice(["keep", "remove"]),
    default="keep",
    show_default=True,
    help="keep: its tables and rows stay; remove: what came from the flat table is taken out.",
)
@click.option("--drop-columns", is_flag=True, help="Drop the sync columns of the flat table, too.")
@click.option("--yes", is_flag=True, help="Do it; without this, what would run is shown.")
@connected
def command(state: State, mapping: str, hierarchy: str, drop_columns: bool, yes: bool) -> None:
    """Switch the sync off and go back to the flat table alone; exit 1 without --yes.

    The flat table is complete and stays as it is. What only the hierarchy knows is kept for a
    later way forward.
    """
    with database(state) as db:
        statement = rollback_call(mapping, hierarchy, drop_columns).as_string(db.conn)
        if not yes:
            of_import = _is_import(db, mapping)
            (lock, blocks, undo) = select(
                db.conn,
                "select p.lock_mode, p.blocks, p.undo from tandem.plan(%s) as p "
                "where p.verb = 'rollback' and p.run_by = 'procedure' "
                "and (p.statement ~ 'p_drop_columns') = %s order by p.step limit 1",
                mapping,
                drop_columns and not of_import,
            ).rows[0]
            doings = [_DOES_OF_IMPORT] if of_import else _doings(hierarchy, drop_columns)
            print_record(
                [
                    ("statement", f"{statement};"),
                    ("lock", lock),
                    ("blocks", blocks),
                    ("does", "; ".join(doings)),
                    ("undo", f"{undo};"),
                ]
            )
            say(f"Nothing was changed. To do it:  {this_command('--yes')}")
            raise click.exceptions.Exit(EXIT_REFUSED)
        alone = select(
            db.conn,
            "select p.statement from tandem.plan(%s) as p "
            "where p.verb = 'rollback' and p.run_by = 'tool' order by p.step",
            mapping,
        )
        call(db, statement, (), kind="rollback", mapping=mapping)
        for (drop,) in alone.rows:
            # an import's unique indexes, which no procedure can drop without blocking writers
            say(f"{drop};")
            db.conn.execute(drop.encode())
        print_record(run_pairs(latest_run(db, "rollback", mapping)))
        phase = phase_of(db, mapping)
        say(f"{mapping} is in phase {phase}.")


def rollback_call(mapping: str, hierarchy: str, drop_columns: bool) -> sql.Composed:
    """The CALL, with the arguments that are not the defaults."""
    arguments: list[sql.Composable] = [sql.Literal(mapping)]
    if hierarchy != "keep":
        arguments.append(sql.SQL("p_hierarchy => {}").format(sql.Literal(hierarchy)))
    if drop_columns:
        arguments.append(sql.SQL("p_drop_columns => true"))
    return sql.SQL("call tandem.rollback({})").format(sql.SQL(", ").join(arguments))


def _is_import(db: Database, mapping: str) -> bool:
    query = "select m.area = 'imports' from tandem._mapping_of(%s) as m"
    return bool(scalar(db.conn, query, mapping))


def _doings(hierarchy: str, drop_columns: bool) -> Iterator[str]:
    yield "switches the sync off, notes which row belongs to which leaf"
    if hierarchy == "remove":
        yield "takes out of the new tables what came from the flat table, and keeps it"
    if drop_columns:
        yield "drops the views, the triggers and the sync columns"
