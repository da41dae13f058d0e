"""`pgtandem import compare`: the old and the new path on one file, and who had to wait."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from pgtandem.cli.options import State, connected, database, json_option, mapping_argument, say
from pgtandem.cli.output import print_json, print_table, select
from pgtandem.errors import EXIT_REFUSED

_COMPARE: Final = """
select * from tandem.compare_import(
    %s, p_staging => %s::regclass, p_header => %s::text[], p_fields => %s::jsonb,
    p_duplicates => %s, p_deleted => %s, p_empty => %s, p_order => %s, p_allow_lock => %s
)
"""


@click.command("compare")
@mapping_argument
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--allow-lock", is_flag=True, help="The old path may lock the tables for real.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="FIELD=NAME",
    help="As of `pgtandem import run`. Repeatable.",
)
@click.option("--encoding", default="utf-8-sig", show_default=True)
@click.option("--delimiter", help="Default: a tab for .tsv and .tab, else what the header has.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "jsonl"]),
    help="Default: by the file's name.",
)
@click.option("--duplicates", type=click.Choice(["first", "last", "error"]), default="last")
@click.option("--deleted", type=click.Choice(["revive", "create", "error"]), default="revive")
@click.option("--empty", type=click.Choice(["keep", "clear"]), default="keep")
@click.option("--order", type=click.Choice(["random", "old first", "new first"]), default="random")
@json_option
@connected
def command(  # noqa: PLR0917
    state: State,
    mapping: str,
    file: Path,
    allow_lock: bool,
    fields: tuple[str, ...],
    encoding: str,
    delimiter: str | None,
    format_: Any,
    duplicates: str,
    deleted: str,
    empty: str,
    order: str,
    as_json: bool,
) -> None:
    """Import FILE by the old path and by the new one, keep neither; exit 1 where they differ.

    Meanwhile a second session writes rows of its own to the tables, which are taken back as well,
    and measures how long it has to wait under each path. The rows that the import itself writes are
    locked under either path until it is taken back; in a real import by the new path, for a batch.

    The tables are really locked while the old path runs: use a copy, or an hour when all may wait.
    """
    from pgtandem.compare import STAGING, measuring, stage
    from pgtandem.connection import connect
    from pgtandem.importing import parse_fields

    named = json.dumps(parse_fields(fields))
    with database(state) as db:
        header = stage(db.conn, file, encoding=encoding, delimiter=delimiter, format=format_)
        arguments = (mapping, STAGING, header, named, duplicates, deleted, empty, order, allow_lock)
        if not allow_lock:
            # says why it is refused, and measures nothing
            select(db.conn, _COMPARE, *arguments)
        with measuring(lambda: connect(db.target), db.conn, mapping) as measured:
            checks = select(db.conn, _COMPARE, *arguments)
    waits = measured.waits()
    if as_json:
        print_json(
            {
                "checks": checks.as_objects(),
                "waits": [asdict(found) for found in waits],
                "not_measured": measured.unmeasured,
            }
        )
    else:
        print_table(checks.columns, checks.rows, limit=200)
        print_table(
            ("path", "writes of others", "blocked", "longest wait, ms", "all waits, ms"),
            [(w.path, w.writes, w.blocked, w.longest_ms, w.total_ms) for w in waits],
        )
    for table in measured.unmeasured:
        say(f"Not measured: {table}")
    differing = [check["check_name"] for check in checks.as_objects() if check["passed"] is False]
    if differing:
        say(f"The paths differ: {', '.join(differing)}.")
        raise click.exceptions.Exit(EXIT_REFUSED)
    say("Both paths did the same.")
