"""What the verbs of imports show of one: its record, its repairs and warnings, its changes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from pgtandem.cli.options import Database
from pgtandem.cli.output import print_record, print_table, scalar, select
from pgtandem.errors import EXIT_DONE, EXIT_REFUSED

SHOWN_CHANGES: Final = 20
SHOWN_IGNORED: Final = 10
COUNTS: Final = ("inserted", "updated", "unchanged", "superseded", "failed", "suppressed")

JOBS: Final = """
select j.import_id, j.mapping, j.source as file,
    -- a session that has gone leaves its import as it was
    case when j.state = 'running' and not exists (
        select from tandem.run as r
        where r.import_id = j.import_id and r.finished_at is null and tandem._running(r.run_id)
    ) then 'interrupted' else j.state end as state,
    j.is_dry_run as dry_run, j.rows_in, j.next_row - 1 as rows_done,
    j.inserted, j.updated, j.unchanged, j.superseded, j.failed, j.suppressed,
    extract(epoch from coalesce(j.finished_at, clock_timestamp()) - j.started_at)::float8
    as seconds,
    j.user_id as "user", j.submitted_by, j.created_at, j.started_at, j.finished_at, j.warnings,
    array(
        select h.name from unnest(j.header) with ordinality as h (name, place)
        where h.place <> all (array_remove(j.places, null)) and h.name <> ''
        order by h.place
    ) as ignored_columns,
    exists (select from tandem.import_undone as u where u.import_id = j.import_id) as undone,
    (
        select count(*) from tandem.import_worker as w
        join pg_stat_activity as a on a.pid = w.backend_pid
        where w.mapping is null or w.mapping = j.mapping
    ) as workers,
    j.is_durable as durable, exists (
        select from tandem.import_cancel as x where x.import_id = j.import_id
    ) as cancel_requested, j.error_sqlstate, j.error_message, j.error_hint
from tandem.import_job as j
where coalesce(j.import_id = %s::bigint, true)
order by j.import_id desc
limit %s
"""
_REPAIRS: Final = """
select r.repair, r.sqlstate, r.column_name as column, r.rows, r.examples, r.hint
from tandem.import_repairs as r
where r.import_id = %s
order by r.rows desc, r.repair
"""
_CHANGES: Final = """
select c.table_name as table, c.action, c.row_id as id,
    coalesce(c.changed, '{}')::text as changed
from tandem.import_changes as c
where c.import_id = %s
order by c.from_row, c.table_name, c.action
limit %s
"""


def import_as_object(db: Database, import_id: int) -> dict[str, Any] | None:
    """An import with its repairs and, for a dry run, its first changes; None where there is none.

    Programs read this as JSON.
    """
    found = select(db.conn, JOBS, import_id, 1).as_objects()
    if not found:
        return None
    job = found[0]
    job["repairs"] = select(db.conn, _REPAIRS, import_id).as_objects()
    if job["dry_run"]:
        job["changes"] = select(db.conn, _CHANGES, import_id, SHOWN_CHANGES).as_objects()
        for change in job["changes"]:  # 12.50 as the column has it
            change["changed"] = json.loads(change["changed"], parse_float=Decimal)
        count = "select count(*) from tandem.import_changes as c where c.import_id = %s"
        job["changes_in_all"] = scalar(db.conn, count, import_id)
    return job


def print_import(job: dict[str, Any]) -> None:
    """An import for people."""
    kind = ", a dry run: nothing is written" if job["dry_run"] else ""
    kind += ", undone" if job["undone"] else ""
    pairs: list[tuple[str, object]] = [
        ("import", f"{job['import_id']} of {job['mapping']} ({job['state']}{kind})"),
        ("file", job["file"]),
    ]
    if ignored := job["ignored_columns"]:
        more = f" and {len(ignored) - SHOWN_IGNORED} more" if len(ignored) > SHOWN_IGNORED else ""
        pairs.append(("ignored columns", ", ".join(ignored[:SHOWN_IGNORED]) + more))
    pairs += [("rows", job["rows_in"]), *((f"  {name}", job[name]) for name in COUNTS)]
    left = job["rows_in"] - job["rows_done"]
    if left:
        pairs.append(("  not done", left))
    if job["seconds"] is not None:
        pairs.append(("time", f"{job['seconds']:,.1f} s"))
    pairs.append(("by", who(job)))
    if job["error_message"]:
        pairs.append(("error", f"{job['error_message']} [{job['error_sqlstate']}]"))
        if job["error_hint"]:
            pairs.append(("hint", job["error_hint"]))
    for kind, found in sorted(job["warnings"].items()):
        rows = f"{found['rows']:,} row{'' if found['rows'] == 1 else 's'}"
        pairs.append((f"warning: {kind}", f"{rows}: {'; '.join(found['samples'])}"))
    print_record(pairs)
    if job["repairs"]:
        print_table(
            ("rows", "to repair", "example", "what to do"),
            [(r["rows"], r["repair"], r["examples"][0], r["hint"]) for r in job["repairs"]],
            limit=160,
        )
    if job.get("changes"):
        print_table(
            ("table", "change", "id", "what"),
            [(c["table"], c["action"], c["id"], _changed(c["changed"])) for c in job["changes"]],
            limit=200,
        )
        more = job["changes_in_all"] - len(job["changes"])
        if more > 0:
            print_record([("further changes", more)])


def is_open(job: dict[str, Any]) -> bool:
    """Whether an import has neither ended nor been given up."""
    return job["state"] in ("queued", "running", "interrupted")


def exit_code_of(job: dict[str, Any]) -> int:
    """0 where all rows are in, or are yet to be brought in; else 1."""
    is_bad = job["repairs"] or job["state"] in ("dead", "cancelled") or job["undone"]
    return EXIT_REFUSED if is_bad and not is_open(job) else EXIT_DONE


def who(job: dict[str, Any]) -> str:
    """Whom an import is for, and who handed it in where that is another."""
    by, user = job["submitted_by"], job["user"]
    return by if user in (None, by) else f"{user} ({by})"


def rows_of(number: int) -> str:
    """How many rows were."""
    return "1 row was" if number == 1 else f"{number:,} rows were"


def _changed(changed: dict[str, Any]) -> str:
    return ", ".join(
        f"{column}: {_value(after)}"
        if before is None
        else f"{column}: {_value(before)} -> {_value(after)}"
        for column, (before, after) in changed.items()
    )


def _value(value: object) -> str:
    return "nothing" if value is None else repr(value) if isinstance(value, str) else str(value)
