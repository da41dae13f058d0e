"""The report of one mapping, or of a database: what is in tandem.run and beside it, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from psycopg.rows import namedtuple_row

from pgtandem.connection import Connection, own_path
from pgtandem.report.charts import Series, bars, lines
from pgtandem.report.page import Page, Section, Table, Tile

RUNS: Final = 40
"""So many runs are listed, the newest first."""
STEPS: Final = 120
"""A run's rate is shown at so many points at most."""
DIRECTIONS: Final = ("flat_to_hierarchy", "hierarchy_to_flat")
CLASSES: Final = {
    "0.0001": "0.1 ms", "0.0003": "0.3 ms", "0.001": "1 ms", "0.003": "3 ms", "0.01": "10 ms",
    "+Inf": "more",
}  # fmt: skip

RATE = """
with step as (
    select greatest(extract(epoch from max(b.finished_at) - min(b.finished_at)) / %(steps)s, 0.2)
            as seconds,
        min(b.finished_at - b.milliseconds * interval '1 millisecond') as begun
    from tandem.run_batch as b where b.run_id = %(run)s
)
select floor(extract(epoch from b.finished_at - s.begun) / s.seconds) * s.seconds as at,
    sum(b.read_rows) / max(s.seconds) as rows_per_second,
    max(b.milliseconds) as longest_batch
from tandem.run_batch as b cross join step as s
where b.run_id = %(run)s and b.read_rows > 0
group by 1 order by 1
"""


def mapping_report(conn: Connection, mapping: str) -> Page:
    """Read everything that the page shows; operators may. An unknown mapping is TD001."""
    _rows(conn, "select tandem._mapping_of(%(mapping)s)", mapping)
    status = _rows(conn, "select * from tandem.status where mapping = %(mapping)s", mapping)[0]
    made = _rows(conn, "select clock_timestamp() as now, tandem.version() as version", mapping)[0]
    is_prepared = status.phase != "deployed"
    drift = _value(conn, "select tandem.drift_count(%(mapping)s)", mapping) if is_prepared else None
    page = Page(
        title=f"pgtandem: {mapping}",
        about=(
            f"{status.flat_table} in {conn.info.dbname}, "
            f"PostgreSQL {conn.info.parameter_status('server_version')}, pgtandem {made.version}"
        ),
        made=made.now,
    )
    page.tiles = [
        Tile("phase", status.phase),
        Tile("drift now", "not prepared" if drift is None else drift, "problem" if drift else "ok"),
        Tile(
            "rejected rows, open", status.rejected_rows, "warning" if status.rejected_rows else ""
        ),
        Tile("kept rows", status.kept_rows),
        Tile("flat to hierarchy", status.flat_to_hierarchy or "absent"),
        Tile("hierarchy to flat", status.hierarchy_to_flat or "absent"),
    ]
    page.sections.append(Section("Next step", text=status.next_step))
    page.sections += _rate(conn, mapping)
    page.sections.append(_levels(conn, mapping))
    page.sections += _rejects(conn, mapping)
    page.sections.append(_latency(conn, mapping))
    if is_prepared:
        page.sections += _drift(conn, mapping, made.now, drift)
        page.sections.append(_checks(conn, mapping))
    page.sections.append(_doctor(conn, mapping))
    page.sections.append(_runs(conn, mapping))
    return page


def _rows(conn: Connection, query: str, mapping: str, **values: object) -> list[Any]:
    with own_path(conn), conn.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query.encode(), {"mapping": mapping, **values}).fetchall()


def _value(conn: Connection, query: str, mapping: str) -> Any:
    return _rows(conn, query, mapping)[0][0]


def _rate(conn: Connection, mapping: str) -> list[Section]:
    """The newest run of each kind that moved rows: how fast, over its time."""
    runs = _rows(
        conn,
        "select distinct on (kind) kind, run_id, read_rows, started_at from tandem.run"
        " where mapping = %(mapping)s and batches > 1 and read_rows > 0"
        " order by kind, run_id desc",
        mapping,
    )
    found = []
    for run in sorted(runs, key=lambda one: (one.kind != "migrate", one.kind)):
        steps = _rows(conn, RATE, mapping, run=run.run_id, steps=STEPS)
        x = [float(step.at) for step in steps]
        title = f"Rows per second, {run.kind} (run {run.run_id})"
        plots = [
            lines(
                title, x, [Series("rows per second", [float(s.rows_per_second) for s in steps])],
                x_label="seconds since its start", y_label="rows per second",
            ),
            lines(
                f"Longest batch, {run.kind}", x,
                [Series("milliseconds", [float(s.longest_batch) for s in steps])],
                x_label="seconds since its start", y_label="longest batch, ms",
            ),
        ]  # fmt: skip
        found.append(
            Section(
                title,
                f"{run.read_rows:,} rows, begun {run.started_at:%Y-%m-%d %H:%M}. "
                "A writer that meets a batch waits for its end at most.",
                plots,
            )
        )
    return found


def _levels(conn: Connection, mapping: str) -> Section:
    levels = _rows(conn, "select * from tandem._level_rows(%(mapping)s)", mapping)
    return Section(
        "Rows per level",
        "Counted now.",
        [
            bars(
                "Rows per level", [level.part for level in levels],
                [Series("rows", [level.row_count for level in levels])], y_label="rows",
            )
        ],
        Table(("level", "table", "rows"), levels),
    )  # fmt: skip


def _rejects(conn: Connection, mapping: str) -> list[Section]:
    reasons = _rows(
        conn,
        "select sqlstate, side, left(message, 120) as reason,"
        " count(*) filter (where resolved_at is null) as open,"
        " count(*) filter (where resolved_at is not null) as resolved,"
        " min(row_key) as example, max(last_at) as last_at"
        " from tandem.rejected_row where mapping = %(mapping)s"
        " group by 1, 2, 3 order by 4 desc, 5 desc limit 25",
        mapping,
    )
    if not reasons:
        return [Section("Rejected rows", "None.")]
    codes = sorted({reason.sqlstate for reason in reasons})
    series = [
        Series(state, [sum(getattr(r, state) for r in reasons if r.sqlstate == c) for c in codes])
        for state in ("open", "resolved")
    ]
    return [
        Section(
            "Rejected rows, by reason",
            "docs/errors.md says what each code means. The rows: "
            "SELECT * FROM tandem.rejected_row WHERE resolved_at IS NULL;",
            [bars("Rejected rows by SQLSTATE", codes, series, y_label="rows")],
            Table(
                ("SQLSTATE", "side", "reason", "open", "resolved", "for example", "last"), reasons
            ),
        )
    ]


def _latency(conn: Connection, mapping: str) -> Section:
    """How long the triggers took, which is what the sync adds to a write."""
    found = _rows(
        conn,
        "select labels ->> 'direction' as direction, labels ->> 'le' as le, value"
        " from tandem.metrics where metric = 'tandem_sync_seconds_bucket'"
        " and labels ->> 'mapping' = %(mapping)s",
        mapping,
    )
    upto = {(row.direction, row.le): row.value for row in found}
    series = []
    for direction in DIRECTIONS:
        sums = [upto[direction, le] for le in CLASSES]
        counts = [after - before for before, after in zip([0.0, *sums], sums, strict=False)]
        series.append(Series(direction.replace("_", " "), counts))
    labels = [label if label == "more" else f"up to {label}" for label in CLASSES.values()]
    return Section(
        "What the sync adds to a write",
        "Calls of the sync triggers since prepare, by how long they took; a statement of many rows "
        "is a call for each row.",
        [bars("Calls of the sync triggers by duration", labels, series, y_label="calls")],
    )


def _drift(conn: Connection, mapping: str, now: Any, drift: Any) -> list[Section]:
    history = _rows(
        conn,
        "select finished_at, drift_rows, kind, run_id from tandem.run"
        " where mapping = %(mapping)s and drift_rows is not null and finished_at is not null"
        " order by finished_at",
        mapping,
    )
    times = [moment.astimezone(UTC) for moment in (*(r.finished_at for r in history), now)]
    counts = [*(row.drift_rows for row in history), drift]
    return [
        Section(
            "Drift",
            "At the end of each migration and repair, and now: differences between the shapes.",
            [
                lines(
                    "Drift", times, [Series("drift", counts)], x_label="UTC", y_label="differences"
                )
            ],
        )
    ]


def _checks(conn: Connection, mapping: str) -> Section:
    checks = _rows(conn, "select * from tandem.validate(%(mapping)s)", mapping)
    results = {True: "ok", False: "problem", None: "not measurable"}
    return Section(
        "Checks",
        "What tandem.validate says.",
        table=Table(
            ("result", "check", "expected", "actual", "what it counts"),
            [(results[c.passed], c.check_name, c.expected, c.actual, c.detail) for c in checks],
        ),
    )


def _doctor(conn: Connection, mapping: str) -> Section:
    found = _rows(conn, "select * from tandem.doctor(%(mapping)s) where state <> 'ok'", mapping)
    return Section(
        "To look at",
        "What tandem.doctor found that is not as it should be, or cannot be seen from here.",
        table=Table(
            ("state", "of", "check", "value", "cure"),
            [(d.state, d.subject, d.check_name, d.value, d.cure) for d in found],
        ),
    )


def _runs(conn: Connection, mapping: str) -> Section:
    columns: Sequence[str] = (
        "run_id", "kind", "state", "read_rows", "written_rows", "unchanged_rows", "rejected_rows",
        "batches", "attempt", "took", "wal_mb", "started_by", "started_at", "message",
    )  # fmt: skip
    runs = _rows(
        conn,
        "select p.run_id, p.kind || case when (r.params ->> 'dry_run')::boolean then ' (dry)'"
        " else '' end as kind, p.state, p.read_rows, p.written_rows, p.unchanged_rows,"
        " p.rejected_rows, p.batches, p.attempt, r.updated_at - p.started_at as took,"
        " round(p.wal_bytes / 1e6, 1) as wal_mb,"
        " p.started_by, p.started_at, p.message"
        " from tandem.progress as p join tandem.run as r using (run_id)"
        " where p.mapping = %(mapping)s order by p.run_id desc limit " + str(RUNS),
        mapping,
    )
    heads = [name.removesuffix("_rows").replace("_", " ") for name in columns]
    return Section("Runs", f"The last {RUNS} at most, the newest first.", table=Table(heads, runs))
