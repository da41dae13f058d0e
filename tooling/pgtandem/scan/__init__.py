"""Finds the code that takes table locks: in SQL, in Python's strings, in a database's functions.

`scan` reads files, `scan_database` functions; both give a Report. What is found is in
`model.KINDS`; how a statement is told from prose, in `grammar`; what a string becomes before it is
read as SQL, in `pysource`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pgtandem.connection import Connection
from pgtandem.errors import UsageError
from pgtandem.scan.database import scan_routines
from pgtandem.scan.files import DEFAULT_GLOBS, Walk, scan_file
from pgtandem.scan.model import KINDS, SEVERITIES, Finding, Report
from pgtandem.scan.sqltext import Found, settled

__all__ = [
    "DEFAULT_GLOBS",
    "KINDS",
    "Finding",
    "Report",
    "Wanted",
    "by_severity",
    "scan",
    "scan_database",
]


@dataclass(frozen=True)
class Wanted:
    """What to look at. `tables` restricts to statements on these, and on tables that are not
    known, `kinds` to these kinds; none means all. Globs are held against a file's name and its path
    below the folder that is searched."""

    tables: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    include: tuple[str, ...] = DEFAULT_GLOBS
    exclude: tuple[str, ...] = ()


def scan(paths: Sequence[Path], wanted: Wanted) -> Report:
    """Search files and folders.

    Raises:
        UsageError: there is no file to read, which would pass for a clean tree.
    """
    report = Report()
    walk = Walk(wanted.include, wanted.exclude)
    left_out: Counter[str] = walk.left_out
    for path in walk.files(paths):
        shown = path.as_posix()
        for found in scan_file(path, shown, report, left_out):
            _add(report, found, wanted)
    if left_out:
        parts = ", ".join(f"{count} {what}" for what, count in sorted(left_out.items()))
        report.remarks.append(f"Left out: {parts}.")
    elif not report.files:
        raise UsageError(
            f"There is nothing to search in {', '.join(map(str, paths))}.",
            detail=f"No file is named {' or '.join(wanted.include)}.",
            hint="--include GLOB says which files to read, for all of them together.",
        )
    return report


def scan_database(conn: Connection, wanted: Wanted, report: Report | None = None) -> Report:
    """Search the functions of a database, and add them to `report` where one is given."""
    report = report or Report()
    for found in scan_routines(conn, report):
        _add(report, found, wanted)
    return report


def _add(report: Report, found: Found, wanted: Wanted) -> None:
    """Take the findings of one file, waived or not, and what its waivers are worth."""
    settled(found)
    used = set()
    for finding, anchor in zip(found.findings, found.anchors, strict=True):
        reason = None
        for waiver in found.waivers:
            if waiver.covers(finding, finding.line) or (
                anchor is not None and waiver.covers(finding, anchor)
            ):
                used.add(waiver)
                reason = waiver.reason
                break
        if not _is_wanted(finding, wanted):
            continue
        if reason is None:
            report.findings.append(finding)
        else:
            report.waived.append(replace(finding, reason=reason))
    for waiver in found.waivers:
        place = f"{found.path}:{waiver.line}"
        if not waiver.reason:
            report.remarks.append(
                f"{place}: `pgtandem: allow {waiver.kind}` has no reason and does not count."
            )
        elif waiver.kind not in KINDS:
            report.remarks.append(
                f"{place}: no kind is called {waiver.kind!r}; there are {', '.join(KINDS)}."
            )
        elif waiver not in used:
            report.remarks.append(f"{place}: `pgtandem: allow {waiver.kind}` allows nothing here.")


def _is_wanted(finding: Finding, wanted: Wanted) -> bool:
    if wanted.kinds and finding.kind not in wanted.kinds:
        return False
    if not wanted.tables or finding.unknown_table:
        return True
    return any(_same(name, table) for name in finding.tables for table in wanted.tables)


def _same(one: str, two: str) -> bool:
    """Whether two names may be the same table: a schema counts where both have one."""
    first, second = (name.replace('"', "").casefold().split(".") for name in (one, two))
    length = min(len(first), len(second))
    return first[-length:] == second[-length:]


def by_severity(findings: Sequence[Finding]) -> list[Finding]:
    """The worst first, then by place."""
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.path, f.line))
