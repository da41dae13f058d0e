"""The report of the imports of one mapping: how they did, what waits, old against new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from psycopg.rows import namedtuple_row

from pgtandem.connection import Connection, own_path
from pgtandem.report.charts import Series, bars, lines
from pgtandem.report.page import Page, Section, Table, Tile

DAYS: Final = 7
"""So far back the plots go."""
JOBS: Final = 200
"""So many imports are plotted and listed, the newest."""
CLASSES: Final = (10, 25, 50, 100, 250, 1000)
"""Milliseconds of a batch, the upper ends of the classes."""
RESULTS: Final = {True: "ok", False: "problem", None: "not measurable"}

HOURS = """
select hour, importer, jobs, success_rate, coalesce(error_rate, 0) as error_rate, mean_seconds
from tandem.import_metrics_by_hour
where mapping = %(mapping)s and hour > clock_timestamp() - make_interval(days => %(days)s)
order by hour
"""
JOBS_ENDED = f"""
select import_id, importer, outcome, ended_at, seconds, row_count, failed_rows
from tandem._import_outcomes(%(mapping)s, clock_timestamp() - make_interval(days => %(days)s))
where outcome in ('succeeded', 'failed') and seconds is not null
order by ended_at desc limit {JOBS}
"""
QUEUE = """
select t.at,
    count(*) filter (where j.created_at <= t.at and coalesce(j.started_at, j.finished_at,
        'infinity') > t.at) as waiting,
    count(*) filter (where j.started_at <= t.at and coalesce(j.finished_at, 'infinity') > t.at)
        as running
from generate_series(clock_timestamp() - make_interval(days => %(days)s), clock_timestamp(),
    interval '1 hour') as t (at)
left join tandem.import_job as j on j.mapping = %(mapping)s and not j.is_dry_run
    and j.created_at <= t.at and coalesce(j.finished_at, 'infinity') > t.at
group by t.at order by t.at
"""
BATCHES = """
select width_bucket(b.milliseconds, %(classes)s::numeric[]) as place, count(*) as batches
from tandem.run_batch as b join tandem.run as r using (run_id)
where r.mapping = %(mapping)s and r.kind = 'run_import' and b.read_rows > 0
group by 1
"""
WARNINGS = """
select w.key as warning, count(*) as imports,
    sum(case when jsonb_typeof(w.value -> 'rows') = 'number'
        then (w.value ->> 'rows')::bigint end)::bigint as rows,
    max(j.import_id) as last_import
from tandem.import_job as j cross join lateral jsonb_each(j.warnings) as w
where j.mapping = %(mapping)s and not j.is_dry_run
group by 1 order by 2 desc, 1
"""
FAILURES = """
select x.sqlstate, x.column_name, count(*) as rows, count(distinct x.import_id) as imports,
    left(min(x.message), 120) as for_example
from tandem.rejected_row as x
where x.mapping = %(mapping)s and x.import_id is not null
group by 1, 2 order by 3 desc, 1, 2 limit 25
"""


def import_report(conn: Connection, mapping: str) -> Page:
    """Read everything that the page shows; operators may. An unknown mapping is TD001."""
    found = _rows(
        conn,
        "select m.schema_name, m.phase, clock_timestamp() as now, tandem.version() as version"
        " from tandem._mapping_of(%(mapping)s) as m",
        mapping,
    )[0]
    alerts = _rows(
        conn, "select * from tandem.import_alerts(%(mapping)s, make_interval(days => %(days)s))",
        mapping,
    )  # fmt: skip
    queue = _rows(conn, "select * from tandem.import_queue where mapping = %(mapping)s", mapping)[0]
    page = Page(
        title=f"pgtandem: imports of {mapping}",
        about=(
            f"schema {found.schema_name} in {conn.info.dbname}, "
            f"PostgreSQL {conn.info.parameter_status('server_version')}, pgtandem {found.version}"
        ),
        made=found.now,
    )
    page.tiles = [Tile("phase", found.phase)]
    page.tiles += [_tile(alert) for alert in alerts]
    page.tiles += [
        Tile("queued", queue.queued),
        Tile("running", queue.running),
        Tile("nobody at it", queue.nobody_at_it, "warning" if queue.nobody_at_it else ""),
        Tile("dead", queue.dead, "problem" if queue.dead else ""),
    ]
    page.sections.append(_alerts(alerts))
    page.sections += _hours(conn, mapping)
    page.sections.append(_durations(conn, mapping))
    page.sections.append(_queue(conn, mapping))
    page.sections.append(_comparison(conn, mapping))
    page.sections.append(_batches(conn, mapping))
    page.sections.append(_listed(conn, WARNINGS, "Warnings", mapping, (
        "Odd values that were imported all the same, over all imports.",
        ("warning", "imports", "rows", "last import"),
    )))  # fmt: skip
    page.sections.append(_listed(conn, FAILURES, "Failed rows, by reason", mapping, (
        "docs/errors.md says what each code means.",
        ("SQLSTATE", "column", "rows", "imports", "for example"),
    )))  # fmt: skip
    if found.phase != "deployed":
        page.sections.append(_checks(conn, mapping))
        page.sections.append(_listed(
            conn, "select topic, advice, detail from tandem.import_advice(%(mapping)s)", "Advice",
            mapping, ("What tandem.import_advice says.", ("topic", "to do", "seen")),
        ))  # fmt: skip
    return page


def _rows(conn: Connection, query: str, mapping: str, **values: object) -> list[Any]:
    with own_path(conn), conn.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(
            query.encode(), {"mapping": mapping, "days": DAYS, **values}
        ).fetchall()


def _tile(alert: Any) -> Tile:
    unit = "s" if alert.alert == "duration" else "%"
    value = "none" if alert.value is None else f"{alert.value:,.1f} {unit}"
    name = {"duration": "longest import"}.get(alert.alert, alert.alert)
    state = {True: "problem", False: "ok" if alert.value is not None else ""}[alert.fired]
    return Tile(name, value, state)


def _alerts(alerts: Sequence[Any]) -> Section:
    return Section(
        "Alerts",
        f"What tandem.import_alerts says of the last {DAYS} days. A share fires only where its "
        "bound is beyond the threshold too.",
        table=Table(
            ("state", "alert", "value", "threshold", "bound", "of", "detail"),
            [
                (
                    a.severity if a.fired else "ok", a.alert, a.value, a.threshold, a.bound,
                    a.sample, a.detail,
                )
                for a in alerts
            ],
        ),
    )  # fmt: skip


def _hours(conn: Connection, mapping: str) -> list[Section]:
    """By hour in which imports ended; the new and the old path apart."""
    hours = _rows(conn, HOURS, mapping)
    found = []
    for importer in sorted({hour.importer for hour in hours}):
        own = [hour for hour in hours if hour.importer == importer]
        x = [hour.hour.astimezone(UTC) for hour in own]
        plots = [
            lines(
                f"Percent by hour, {importer}", x,
                [
                    Series("imports that succeeded", [float(h.success_rate) for h in own]),
                    Series("rows that failed", [float(h.error_rate) for h in own]),
                ],
                x_label="UTC", y_label="percent",
            ),
            lines(
                f"Imports by hour, {importer}", x,
                [Series("imports", [float(h.jobs) for h in own])], x_label="UTC",
                y_label="imports",
            ),
        ]  # fmt: skip
        found.append(
            Section(
                f"Success by hour, {importer} importer",
                f"Imports by the hour in which they ended, of the last {DAYS} days; hours without "
                "one are left out.",
                plots if len(own) > 1 else (),
                Table(
                    ("hour", "imports", "success %", "failed rows %", "mean seconds"),
                    [
                        (h.hour, h.jobs, h.success_rate, h.error_rate, h.mean_seconds)
                        for h in own[::-1][:24]
                    ],
                ),
            )
        )
    return found or [Section("Success by hour", f"No import has ended in {DAYS} days.")]


def _durations(conn: Connection, mapping: str) -> Section:
    jobs = _rows(conn, JOBS_ENDED, mapping)
    if not jobs:
        return Section("Durations", f"No import has ended in {DAYS} days.")
    oldest_first = jobs[::-1]
    plot = lines(
        "Duration of imports", [job.ended_at.astimezone(UTC) for job in oldest_first],
        [Series("seconds", [float(job.seconds) for job in oldest_first])],
        x_label="UTC", y_label="seconds",
    )  # fmt: skip
    return Section(
        "Durations",
        f"From start to end, the last {JOBS} at most.",
        [plot] if len(jobs) > 1 else (),
        Table(
            ("import", "importer", "outcome", "ended", "seconds", "rows", "failed rows"),
            [(str(job.import_id), *job[1:]) for job in jobs[:20]],
        ),
    )


def _queue(conn: Connection, mapping: str) -> Section:
    depth = _rows(conn, QUEUE, mapping)
    return Section(
        "Queue",
        "Imports that waited to be begun, and those that had begun and were not ended, hour by "
        "hour.",
        [
            lines(
                "Queue", [one.at.astimezone(UTC) for one in depth],
                [
                    Series("waiting", [float(one.waiting) for one in depth]),
                    Series("running", [float(one.running) for one in depth]),
                ],
                x_label="UTC", y_label="imports",
            )
        ],
    )  # fmt: skip


def _comparison(conn: Connection, mapping: str) -> Section:
    found = _rows(
        conn, "select * from tandem.import_comparison where mapping = %(mapping)s", mapping
    )[0]
    seconds = (found.old_mean_seconds, found.new_mean_seconds)
    plots = []
    if None not in seconds:
        plots.append(
            bars(
                "Mean seconds, old against new", ["old", "new"],
                [Series("seconds", [float(value) for value in seconds])], y_label="mean seconds",
            )
        )  # fmt: skip
    better = found.improvement_percent
    return Section(
        "Old against new",
        "Nothing to compare yet: tandem.record_import_baseline looks at the old importer's log."
        if better is None
        else f"Performance improvement: {better} %. Old: {found.old_source}.",
        plots,
        Table(
            ("importer", "imports", "mean seconds", "success %", "failed rows %"),
            [
                (
                    side, *(getattr(found, f"{side}_{name}") for name in (
                        "imports", "mean_seconds", "success_rate", "error_rate",
                    )),
                )
                for side in ("old", "new")
            ],
        ),
    )  # fmt: skip


def _batches(conn: Connection, mapping: str) -> Section:
    counts = {row[0]: row[1] for row in _rows(conn, BATCHES, mapping, classes=list(CLASSES))}
    labels = [f"up to {top} ms" for top in CLASSES] + ["more"]
    return Section(
        "Batches",
        "Batches that write, by how long they took: a writer that meets one waits so long at most.",
        [
            bars(
                "Batches by duration", labels,
                [Series("batches", [counts.get(place, 0) for place in range(len(labels))])],
                y_label="batches",
            )
        ],
    )  # fmt: skip


def _listed(
    conn: Connection, query: str, title: str, mapping: str, told: tuple[str, Sequence[str]]
) -> Section:
    """A section that is the rows of a query: a sentence, and the heads of its columns."""
    text, heads = told
    rows = _rows(conn, query, mapping)
    return Section(title, text, table=Table(heads, rows)) if rows else Section(title, "None.")


def _checks(conn: Connection, mapping: str) -> Section:
    checks = _rows(conn, "select * from tandem.validate_imports(%(mapping)s)", mapping)
    return Section(
        "Checks",
        "What tandem.validate_imports says.",
        table=Table(
            ("result", "check", "expected", "actual", "what it counts"),
            [(RESULTS[c.passed], c.check_name, c.expected, c.actual, c.detail) for c in checks],
        ),
    )
