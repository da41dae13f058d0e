"""What a scan finds: locks, the waivers that allow some, and what could not be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

BLOCKER: Final = "blocker"
WARNING: Final = "warning"
NOTE: Final = "note"
SEVERITIES: Final = (BLOCKER, WARNING, NOTE)

KINDS: Final = {
    "lock": "LOCK TABLE",
    "truncate": "TRUNCATE",
    "advisory": "pg_advisory_lock and the like",
    "for_update": "SELECT ... FOR UPDATE or SHARE without WHERE and LIMIT",
    "disable_trigger": "ALTER TABLE ... DISABLE TRIGGER",
    "alter_table": "ALTER TABLE",
    "create_index": "CREATE INDEX without CONCURRENTLY",
    "drop_index": "DROP INDEX without CONCURRENTLY",
    "vacuum_full": "VACUUM FULL",
    "cluster": "CLUSTER",
    "reindex": "REINDEX without CONCURRENTLY",
}
"""Each kind, and what it is in SQL."""

_WAIVER = re.compile(
    r"pgtandem:\s*allow\s+(?P<kind>[\w-]+)\s*(?::\s*(?P<reason>.*?))?\s*(?:\*/\s*)?$", re.IGNORECASE
)


@dataclass(frozen=True)
class Finding:
    """A statement that takes a lock.

    `path` is the file, `file#3` for cell 3 of a notebook, `schema.function` for the database;
    `line` counts from 1, in a function as PostgreSQL's own messages do. `tables` are names as they
    are written, `{name}` where another place says which; empty where the statement names none.
    `mode` is the table lock's, None where no table is locked. `reason` is that of the waiver.
    """

    path: str
    line: int
    kind: str
    severity: str
    tables: tuple[str, ...]
    mode: str | None
    statement: str
    why: str
    unknown_table: bool
    reason: str | None = None

    @property
    def place(self) -> str:
        """`path:line`, as editors read it."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Waiver:
    """`pgtandem: allow KIND: reason` in a comment; `alone` is a line with nothing else."""

    kind: str
    reason: str
    line: int
    alone: bool

    def covers(self, finding: Finding, line: int) -> bool:
        """Whether it allows a finding for which `line` counts; `lock` allows every kind.

        A comment behind code is for its own line, one by itself for the next line as well.
        """
        near = line == self.line or (self.alone and line == self.line + 1)
        return near and bool(self.reason) and self.kind in ("lock", finding.kind)


def read_waiver(comment: str, line: int, alone: bool) -> Waiver | None:
    """The waiver in a comment, if there is one; its reason is empty where none is given."""
    match = _WAIVER.search(comment)
    if not match:
        return None
    kind = match["kind"].lower().replace("-", "_")
    return Waiver(kind, (match["reason"] or "").strip(), line, alone)


@dataclass
class Report:
    """What a scan saw.

    `remarks` are sentences on what was read otherwise than as it is meant, on waivers that do not
    count, and on what was left out.
    """

    findings: list[Finding] = field(default_factory=list)
    waived: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    files: int = 0
    functions: int = 0

    def count(self, severity: str) -> int:
        """How many findings are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def is_clean(self) -> bool:
        """Nothing that holds other sessions up; notes do not."""
        return not self.count(BLOCKER) and not self.count(WARNING)
