"""`pgtandem import scan`: which code takes table locks, before an import is replaced."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgtandem.cli.options import State, connected, database, json_option, say
from pgtandem.cli.output import print_json, print_table
from pgtandem.errors import EXIT_REFUSED, UsageError

if TYPE_CHECKING:
    from pgtandem.scan import Finding, Report


@click.command("scan")
@click.argument(
    "paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True, path_type=Path)
)
@click.option("--database", "in_database", is_flag=True, help="Search the database's functions.")
@click.option(
    "--table",
    "tables",
    metavar="NAME",
    multiple=True,
    help="Only statements on this table, or on one that the code names elsewhere; repeatable.",
)
@click.option(
    "--kind",
    "kinds",
    metavar="KIND",
    multiple=True,
    help="Only findings of this kind, such as lock or truncate; repeatable.",
)
@click.option(
    "--include",
    metavar="GLOB",
    multiple=True,
    help="Only files of this name, instead of *.py *.sql *.psql *.ddl *.pgsql *.ipynb; repeatable.",
)
@click.option(
    "--exclude", metavar="GLOB", multiple=True, help="Not these files or folders; repeatable."
)
@json_option
@connected
def command(  # noqa: PLR0917
    state: State,
    paths: tuple[Path, ...],
    in_database: bool,
    tables: tuple[str, ...],
    kinds: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    as_json: bool,
) -> None:
    """Find the code that takes table locks; exit 1 where there is some.

    Reads the files at and below each PATH, and with --database the functions of the database:
    LOCK TABLE, TRUNCATE, advisory locks, FOR UPDATE of a whole table, and DDL that locks. In Python
    it reads the strings as the program puts them together; comments, docstrings and messages are
    no findings. Notes, such as a lock that lets writers go on, do not make the exit 1.

    A comment on the statement's line, or alone on the line before, allows it:

    \b
        -- pgtandem: allow lock: why it may
        # pgtandem: allow truncate: why it may

    Needs a database for --database alone.
    """
    from pgtandem.scan import DEFAULT_GLOBS, KINDS, Report, Wanted, scan, scan_database

    if not paths and not in_database:
        raise UsageError(
            "There is nothing to search.",
            hint="Name files or folders, such as `pgtandem import scan .`, or say --database.",
        )
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise UsageError(f"There is no kind {unknown[0]!r}.", hint=f"There are {', '.join(KINDS)}.")
    wanted = Wanted(tables, kinds, include or DEFAULT_GLOBS, exclude)
    report = scan(paths, wanted) if paths else Report()
    if in_database:
        with database(state) as db:
            scan_database(db.conn, wanted, report)
    if as_json:
        _print_json(report)
    else:
        _print_tables(report)
    for remark in report.remarks:
        say(remark)
    say(_summary(report))
    say(_next(report))
    if not report.is_clean:
        raise click.exceptions.Exit(EXIT_REFUSED)


def _print_json(report: Report) -> None:
    from pgtandem.scan import by_severity

    print_json(
        {
            "findings": [asdict(finding) for finding in by_severity(report.findings)],
            "waived": [asdict(finding) for finding in report.waived],
            "remarks": report.remarks,
            "summary": {
                "files": report.files,
                "functions": report.functions,
                "blockers": report.count("blocker"),
                "warnings": report.count("warning"),
                "notes": report.count("note"),
                "waived": len(report.waived),
            },
            "clean": report.is_clean,
            "next": _next(report),
        }
    )


def _print_tables(report: Report) -> None:
    from pgtandem.scan import by_severity

    if report.findings:
        print_table(
            ("where", "kind", "severity", "table", "lock", "statement"),
            [
                (f.place, f.kind, f.severity, _tables(f), f.mode, f.statement)
                for f in by_severity(report.findings)
            ],
        )
    if report.waived:
        print_table(
            ("allowed", "kind", "table", "lock", "reason"),
            [(f.place, f.kind, _tables(f), f.mode, f.reason) for f in report.waived],
        )


def _tables(finding: Finding) -> str:
    return ", ".join(finding.tables) or ("-" if finding.mode is None else "not named")


def _summary(report: Report) -> str:
    searched = [f"{report.files} files"] if report.files or not report.functions else []
    if report.functions:
        searched.append(f"{report.functions} functions")
    counts = [f"{report.count(word)} {word}s" for word in ("blocker", "warning", "note")]
    return f"{' and '.join(searched)}: {', '.join(counts)}, {len(report.waived)} allowed."


def _next(report: Report) -> str:
    from pgtandem.scan import by_severity

    if report.is_clean:
        return "Next: nothing to do; no code found takes a lock that others wait for."
    worst = by_severity(report.findings)[0]
    return (
        f"Next: {worst.place} {worst.why}. Take the statement out with the import that needs it, "
        f"or allow it by a comment on the line before: pgtandem: allow {worst.kind}: why."
    )
