"""The checks of tandem.validate, shown by the verbs `validate` and `migrate`."""

from __future__ import annotations

from pgtandem.cli.options import Database, say
from pgtandem.cli.output import Rows, print_table, select


def read_checks(db: Database, mapping: str) -> Rows:
    """A row a check, as tandem.validate gives them."""
    return select(db.conn, "select * from tandem.validate(%s)", mapping)


def show_checks(checks: Rows) -> None:
    """The table of checks; what `detail` explains is shown for those that did not pass."""
    rows = [
        (
            {True: "ok", False: "FAILED"}.get(check["passed"], "not measurable"),
            check["check_name"],
            check["expected"],
            check["actual"],
            None if check["passed"] else check["detail"],
        )
        for check in checks.as_objects()
    ]
    print_table(("result", "check", "expected", "actual", "what it counts"), rows)


def verdict(checks: Rows) -> bool:
    """Say how many failed; True where none did."""
    failed = checks.column("passed").count(False)
    if failed:
        say(f"{failed} of {len(checks.rows)} checks failed.")
    else:
        say(f"All {len(checks.rows)} checks passed.")
    return not failed
