"""The demo, from an empty server to a migrated, synced catalogue, and a file imported into tables
beside it: `pgtandem demo`, `make demo`.

On the embedded server in the working folder it makes the database `shop` anew, with three roles
that are no superusers, and does there what a user would do. Everything is done by the public verbs;
the superuser makes roles and the database, nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from pgtandem.connection import Target
from pgtandem.demo import dirty_items, generator
from pgtandem.demo.openloop import PhaseSummary, Summary
from pgtandem.deploy import deploy
from pgtandem.errors import PgTandemError, UsageError
from pgtandem.import_mapping import load_import_mapping
from pgtandem.load import LoadProgress, check_file, load_file
from pgtandem.mapping import load_mapping
from pgtandem.paths import db_dir
from pgtandem.progress import Stopped, call_with_bar
from pgtandem.report.mapping import mapping_report
from pgtandem.server import KeptServer

DATABASE: Final = "shop"
MAPPING: Final = "products"
IMPORT: Final = "items"
IMPORT_TABLES: Final = ("color_master", "size_master", "item_master", "item_variant")
ROLES: Final = ("shop_owner", "old_app", "new_app")
HIERARCHY: Final = (
    "tblbaseproduct",
    "tblproductversion",
    "tblcatalog",
    "tblconfig",
    "tblconfigprice",
)
ROWS: Final = 100_000
IDLE_SECONDS: Final = 4.0
TOGETHER_SECONDS: Final = 4.0
OLD_RATE: Final = 100.0
NEW_RATE: Final = 30.0
PROGRAM_SECONDS: Final = 30
"""A program has so long to start and to end."""
IMPORT_SECONDS: Final = 120
"""An import may take so long."""

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass
class Report:
    """What was checked, and the figures for the end. Times in seconds."""

    console: Console
    checks: list[tuple[str, bool, str]] = field(default_factory=list)
    figures: list[tuple[str, str]] = field(default_factory=list)

    def check(self, what: str, passed: bool, detail: str = "") -> None:
        self.checks.append((what, passed, detail))
        sign = "[green]ok[/]" if passed else "[bold red]FAILED[/]"
        self.console.print(f"  {sign} {what}", highlight=False)
        if detail and not passed:
            self.console.print(f"     {detail}", markup=False)

    def figure(self, what: str, value: str) -> None:
        self.figures.append((what, value))

    @property
    def passed(self) -> bool:
        return all(passed for _, passed, _ in self.checks)


class Program:
    """A demo program in a process of its own. A context manager: it ends at the latest there.

    It ends by itself, too, when this process dies, because its stdin ends then.
    """

    def __init__(self, module: str, dsn: str, *options: str) -> None:
        self.module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"pgtandem.demo.{module}", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PGTANDEM_DEMO_DSN": dsn},
            start_new_session=True,  # Ctrl-C is for the demo, which ends the program itself
        )
        if self._line() != "ready":
            self.kill()
            raise PgTandemError(
                f"The demo's {module} did not start.",
                hint="Its own words are above. `pip install 'pgtandem[demo]'` brings SQLAlchemy.",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def phase(self, name: str) -> None:
        """From now on its figures count for this phase."""
        self._say(f"phase {name}")

    def stop(self) -> Summary:
        """End it and return what it reports. Raises PgTandemError where it died before."""
        try:
            out, _ = self._process.communicate("stop\n", timeout=PROGRAM_SECONDS)
            return Summary.from_json(out)
        except (subprocess.TimeoutExpired, BrokenPipeError, ValueError) as exc:
            raise PgTandemError(
                f"The demo's {self.module} did not end as it should: {type(exc).__name__}.",
                detail=f"Its exit code: {self._process.poll()}.",
            ) from exc

    def kill(self) -> None:
        """End it at once. Harmless when it has ended."""
        if self.running:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


def run_demo(
    *,
    csv: Path | None = None,
    columns: dict[str, str] | None = None,
    rows: int = ROWS,
    working_folder: Path | None = None,
    console: Console | None = None,
) -> int:
    """Run the demo; return the exit code: 0 when all checks passed, 1 when not.

    `csv` and `columns` load a user's file (see `pgtandem.load.load_file`) in place of `rows`
    generated rows. Raises PgTandemError and psycopg.Error; the server stays for a look around. A
    file that cannot be loaded, and a second demo meanwhile, are refused before anything is changed.
    """
    if csv is not None:
        _check_csv(csv, columns)
    report = Report(console or _console())
    server = KeptServer(working_folder)
    with server.alone("demo"):
        return _run(report, server, csv, columns, rows)


def _run(
    report: Report,
    server: KeptServer,
    csv: Path | None,
    columns: dict[str, str] | None,
    rows: int,
) -> int:
    started = time.monotonic()
    _title(report, f"The embedded PostgreSQL {server.binaries.major}, database {DATABASE}")
    server.ensure_running()
    _make_database(server)
    with ExitStack() as stack:
        owner = stack.enter_context(_connect(server, "shop_owner"))
        _make_shop(owner)
        _title(report, "Deploy, as the tables' owner, who is no superuser")
        deploy(owner, [load_mapping(db_dir() / "mappings" / f"{MAPPING}.toml")])
        _title(report, "The shop's flat table")
        _fill(report, owner, csv, columns, rows)
        _migrate_online(report, server, owner, stack)
        _show_both_ways(report, server, owner)
        _final_checks(report, owner, generated=csv is None)
        import_a_file(report, owner, server.conninfo(DATABASE, "shop_owner"), server.folder)
        page = server.folder / "report.html"
        page.write_text(mapping_report(owner, MAPPING).html(), encoding="utf-8")
    _summary(report, server, page, time.monotonic() - started)
    return 0 if report.passed else 1


# -- the stations, in their order


def _console() -> Console:
    """Written to a file or a log, tables are not squeezed into 80 columns."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def _title(report: Report, text: str) -> None:
    report.console.print(f"\n[bold]{text}[/]", highlight=False)


@contextmanager
def _connect(server: KeptServer, role: str) -> Iterator[Connection]:
    conn = psycopg.connect(
        server.conninfo(DATABASE, role), autocommit=True, application_name="pgtandem demo"
    )
    try:
        yield conn
    finally:
        conn.close()


def _check_csv(csv: Path, columns: dict[str, str] | None) -> None:
    loaded = check_file(csv, "tblproduct", ("productid", *generator.COLUMNS), columns)
    if "productname" not in loaded:
        raise UsageError(
            f"Nothing in {csv} is loaded as ProductName, which each row must have.",
            detail=f"Of the columns of tblproduct the file has: {', '.join(loaded)}.",
            hint="Say which it is: --columns 'ProductName=NAME', or "
            "`make demo CSV=... COLUMNS='ProductName=NAME'`.",
        )


def _make_database(server: KeptServer) -> None:
    """The superuser's only work: roles, and the database anew."""
    with psycopg.connect(server.conninfo(), autocommit=True) as conn:
        for role in ROLES:
            found = conn.execute("select from pg_catalog.pg_roles where rolname = %s", (role,))
            if not found.rowcount:
                conn.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
        name = sql.Identifier(DATABASE)
        conn.execute(sql.SQL("drop database if exists {} with (force)").format(name))
        conn.execute(sql.SQL("create database {} owner shop_owner").format(name))


def _make_shop(owner: Connection) -> None:
    script = Path(__file__).with_name("shop.sql").read_bytes()
    owner.execute(script)
    owner.execute("grant select, insert, update, delete on tblproduct to old_app")


def _fill(
    report: Report, owner: Connection, csv: Path | None, columns: dict[str, str] | None, rows: int
) -> None:
    started = time.monotonic()
    if csv is None:
        with _bar(report) as bar:
            task = bar.add_task("generating", total=rows)
            generator.copy_rows(owner, rows, progress=lambda n: bar.update(task, completed=n))
        loaded = rows
    else:
        with _bar(report) as bar:
            task = bar.add_task(f"loading {csv.name}", total=None)

            def show(progress: LoadProgress) -> None:
                bar.update(task, total=progress.bytes_total, completed=progress.bytes_read)

            result = load_file(owner, "tblproduct", csv, columns, progress=show)
        loaded = result.loaded
        pairs = ", ".join(f"{column} from {name!r}" for column, name in result.columns)
        report.console.print(f"  {pairs}", markup=False)
        for bad in result.bad_lines[:20]:
            report.console.print(f"  not loaded, {bad}", markup=False)
        if result.bad > 20:
            report.console.print(f"  and {result.bad - 20} lines more", markup=False)
        for note in result.notes:
            report.console.print(f"  {note}", markup=False)
        report.figure("lines not loaded", f"{result.bad:,}")
        report.check("rows to migrate", loaded > 0, "Not one line of the file was loaded.")
    owner.execute("analyze tblproduct")
    seconds = time.monotonic() - started
    report.console.print(f"  {loaded:,} rows in {seconds:.1f} s", highlight=False)
    report.figure("rows loaded", f"{loaded:,} in {seconds:.1f} s")


def _migrate_online(
    report: Report, server: KeptServer, owner: Connection, stack: ExitStack
) -> None:
    """Plan to validate, while the old program writes; then both programs together."""
    _title(report, "tandem.plan: what will run, what it locks, how long")
    _show_plan(report, owner)
    # Before anybody writes: what the loaded rows stand for, exactly.
    _title(report, "tandem.analyze: what is in the data")
    _show_analyze(report, owner)

    old = stack.enter_context(
        Program("old_program", server.conninfo(DATABASE, "old_app"), "--rate", str(OLD_RATE))
    )
    old.phase("idle")
    time.sleep(IDLE_SECONDS)

    _title(report, "tandem.prepare, then the indexes that only CREATE INDEX CONCURRENTLY can make")
    old.phase("preparing")
    owner.execute("call tandem.prepare(%s)", (MAPPING,))
    for row in _rows(owner, "select * from tandem.plan(%s)", MAPPING):
        if row.run_by == "tool" and row.verb != "rollback":
            report.console.print(f"  {row.statement}", markup=False, highlight=False)
            owner.execute(row.statement.encode())
    tables = sql.SQL(", ").join(map(sql.Identifier, HIERARCHY))
    owner.execute(sql.SQL("grant select, insert, update, delete on {} to new_app").format(tables))

    _title(report, "tandem.migrate, while the old program keeps writing")
    old.phase("migrating")
    _run_migrate(report, server, owner)
    old.phase("together")

    _title(report, "Both programs write for a while, each its own shape")
    with Program(
        "new_program", server.conninfo(DATABASE, "new_app"), "--rate", str(NEW_RATE)
    ) as new:
        time.sleep(TOGETHER_SECONDS)
        new_summary = new.stop()
    old_summary = old.stop()
    _show_programs(report, old_summary, new_summary)

    _title(report, "tandem.validate")
    for row in _rows(owner, "select * from tandem.validate(%s)", MAPPING):
        detail = f"expected {row.expected}, found {row.actual}. {row.detail or ''}"
        report.check(row.check_name, row.passed is not False, detail)


def _show_plan(report: Report, owner: Connection) -> None:
    wide = report.console.width >= 110
    table = Table(
        "step", "statement", "lock", "blocks", "s", "by", *(["undone by"] if wide else [])
    )
    undo = 0
    for row in _rows(owner, "select * from tandem.plan(%s)", MAPPING):
        if row.verb == "rollback":
            undo += 1
            continue
        table.add_row(
            f"{row.step} {row.verb}",
            _short(row.statement, 60 if wide else 40),
            " ".join(filter(None, (row.lock_mode, row.relation))),
            row.blocks or "",
            "" if row.estimated_seconds is None else f"{row.estimated_seconds:.1f}",
            row.run_by,
            *([_short(row.undo, 40)] if wide else []),
        )
    report.console.print(table)
    if undo:
        report.console.print(f"  and {undo} statements for the way back", highlight=False)


def _show_analyze(report: Report, owner: Connection) -> None:
    table = Table("severity", "finding", "count", "sample")
    blockers = []
    for row in _rows(owner, "select * from tandem.analyze(%s)", MAPPING):
        if row.severity == "blocker":
            blockers.append(row.finding)
        finding = _short(f"{row.subject or ''}: {row.finding}", 200)
        if row.severity != "note" and row.cure:
            finding += f"\n[dim]{_short(row.cure, 300)}[/]"
        count = "" if row.count is None else f"{row.count:,}"
        table.add_row(row.severity, finding, count, _short(row.sample, 30))
    report.console.print(table)
    report.check("no blocker found", not blockers, "; ".join(blockers))


def _short(text: str | None, width: int) -> str:
    """One line of plain text for a cell; rich must not read its brackets as markup."""
    line = " ".join((text or "").split())
    return escape(line if len(line) <= width else line[: width - 2] + "..")


def _bar(report: Report) -> Progress:
    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=report.console,
    )


def _run_migrate(report: Report, server: KeptServer, owner: Connection) -> None:
    """CALL migrate, with the bar of the command line's verbs."""
    target = Target(server.conninfo(DATABASE, "shop_owner"), "the embedded server")
    started = time.monotonic()
    try:
        call_with_bar(
            target,
            owner,
            "call tandem.migrate(%s)",
            (MAPPING,),
            kind="migrate",
            mapping=MAPPING,
            notice=lambda diagnostic: f"  {diagnostic.message_primary}",
            console=report.console,
        )
    except Stopped:
        report.console.print(
            "  stopped, in the server too; CALL tandem.migrate('products') goes on from there"
        )
        raise
    seconds = time.monotonic() - started
    latest = (
        "select * from tandem.progress where mapping = %s and kind = 'migrate' "
        "order by run_id desc limit 1"
    )
    run = next(iter(_rows(owner, latest, MAPPING)), None)
    if run is None:
        report.check("the migration is in tandem.progress", False)
        return
    rate = run.read_rows / seconds if seconds else 0.0
    report.figure("migrated", f"{run.read_rows:,} rows in {seconds:.1f} s, {rate:,.0f} rows/s")
    report.figure("batches", f"{run.batches:,}")
    report.figure("rejected while migrating", f"{run.rejected_rows:,}")
    accounted = run.written_rows + run.unchanged_rows + run.rejected_rows
    report.check(
        "read = written + unchanged + rejected",
        run.read_rows == accounted,
        f"{run.read_rows} and {accounted}",
    )


def _show_programs(report: Report, old: Summary, new: Summary) -> None:
    table = Table(
        "program", "phase", "operations", "p50 ms", "p99 ms", "max ms", "retried", "errors"
    )
    for summary in (old, new):
        for name, phase in summary.phases.items():
            if summary is old and name == "start":
                continue
            table.add_row(
                summary.program.replace("_", " "),
                name if summary is old else "together",
                f"{phase.operations:,}",
                f"{phase.p50_ms:.1f}",
                f"{phase.p99_ms:.1f}",
                f"{phase.max_ms:.1f}",
                str(phase.retried),
                str(phase.errors),
            )
    report.console.print(table)
    for summary in (old, new):
        name = summary.program.replace("_", " ")
        report.check(
            f"the {name} met no error in {summary.operations:,} operations",
            summary.operations > 0 and not summary.errors and not summary.mismatches,
            f"{summary.errors} errors {summary.sqlstates}, {summary.mismatches} rows that read "
            f"back otherwise; the first: {summary.messages[:2]}",
        )
    for name in ("idle", "migrating"):
        phase = old.phases[name]
        report.figure(
            f"old program's latency, {name}",
            f"p50 {phase.p50_ms:.1f} ms, p99 {phase.p99_ms:.1f} ms, max {phase.max_ms:.1f} ms"
            + _queue_note(old, phase),
        )


def _queue_note(program: Summary, phase: PhaseSummary) -> str:
    """Where latency is mostly a queue: that, and what the operations themselves took."""
    if phase.wait_p50_ms <= phase.own_p50_ms:
        return ""
    done = phase.operations / phase.seconds if phase.seconds else 0.0
    return (
        f"\nmostly queue: {done:.0f} of {program.rate:.0f} operations/s were done here; "
        f"one itself took p50 {phase.own_p50_ms:.1f} ms, p99 {phase.own_p99_ms:.1f} ms, "
        f"max {phase.own_max_ms:.1f} ms"
    )


def _show_both_ways(report: Report, server: KeptServer, owner: Connection) -> None:
    """An old UPDATE seen in the hierarchy, then a new rename and price seen in the flat row."""
    found = owner.execute(
        "select productid::text, configid, baseproductid from tblproduct "
        "where configid is not null and amount is not null order by productid limit 1"
    ).fetchone()
    if found is None:
        report.check("a migrated row with a price to show", False)
        return
    key, config, base = found
    _title(report, f"Live sync: an old program's UPDATE of product {key}")
    with _connect(server, "old_app") as old:

        def old_update() -> None:
            old.execute(
                "update tblproduct set amount = 1234.56, status = 'clearance' "
                "where productid = %s::bigint",
                (key,),
            )

        changed = _before_and_after(report, owner, key, old_update, "hierarchy_value")
    report.check(
        "the hierarchy has the old program's price and status",
        {"1234.56", "clearance"} <= changed,
        f"changed values: {sorted(changed)}",
    )
    _title(report, "Live sync: the new program renames the product and adds a price")
    with _connect(server, "new_app") as new:

        def new_change() -> None:
            with new.transaction():
                new.execute(
                    "update tblbaseproduct set name = 'The new ' || name where baseproductid = %s",
                    (base,),
                )
                new.execute(
                    "insert into tblconfigprice (configid, amount, currency, effectivefrom) "
                    "values (%s, 999.99, 'EUR', clock_timestamp())",
                    (config,),
                )

        changed = _before_and_after(report, owner, key, new_change, "flat_value")
    report.check(
        "the flat row has the new program's name and price",
        "999.99" in changed and any(value.startswith("The new ") for value in changed),
        f"changed values: {sorted(changed)}",
    )


def _before_and_after(
    report: Report, owner: Connection, key: str, change: Callable[[], None], side: str
) -> set[str]:
    """Show one row by tandem.show around a change; return the side's new values."""
    query = "select * from tandem.show(%s, %s)"
    before = {(row.level, row.column_name): row for row in _rows(owner, query, MAPPING, key)}
    change()
    table = Table("level", "column", "before", "flat now", "hierarchy now", "equal")
    changed: set[str] = set()
    equal = True
    for row in _rows(owner, query, MAPPING, key):
        was = before.get((row.level, row.column_name))
        old_value = None if was is None else getattr(was, side)
        new_value = getattr(row, side)
        equal = equal and row.equal is not False
        if old_value != new_value and new_value is not None:
            changed.add(new_value)
        if row.equal is None and old_value == new_value:
            continue  # held by one side alone, and not changed
        style = "bold" if old_value != new_value else "dim"
        cells = (old_value, row.flat_value, row.hierarchy_value)
        table.add_row(
            row.level,
            row.column_name,
            *(_short(cell, 40) for cell in cells),
            {True: "yes", False: "NO"}.get(row.equal, ""),
            style=style,
        )
    report.console.print(table)
    report.check("both sides equal", equal)
    return changed


def _final_checks(report: Report, owner: Connection, *, generated: bool) -> None:
    _title(report, "Nothing lost, nothing adrift")
    drift = _one(owner, "select tandem.drift_count(%s)", MAPPING)
    report.check(f"drift {drift}", drift == 0, "select * from tandem.drift('products')")
    for name in ("tblproduct", *HIERARCHY):
        count = sql.SQL("select count(*) from {}").format(sql.Identifier(name)).as_string()
        report.figure(name, f"{_one(owner, count):,}")
    rejected = _one(owner, "select count(*) from tblproduct where syncstatus = 'rejected'")
    report.figure("rejected rows", f"{rejected:,}")
    unmoved = _one(
        owner,
        "select count(*) from tblproduct "
        "where configid is null and syncstatus is distinct from 'rejected'",
    )
    report.check("every row is migrated or rejected", unmoved == 0, f"{unmoved} are neither")
    if generated:
        blank = _one(
            owner, "select count(*) from tblproduct where pg_catalog.btrim(productname) = ''"
        )
        report.check(f"the {blank} rows without a name are the rejected ones", blank == rejected)


def import_a_file(report: Report, owner: Connection, dsn: str, folder: Path) -> None:
    """A dirty file, its failed rows corrected, the file again; files are written into `folder`."""
    _title(report, f"An import: deploy and prepare {IMPORT}, then a dirty file")
    deploy(owner, [load_import_mapping(db_dir() / "mappings" / f"{IMPORT}.toml")])
    owner.execute("call tandem.prepare(%s)", (IMPORT,))
    file, failed = folder / "items.csv", folder / "items_failed.csv"
    expected = dirty_items.write_items(file)
    first = _import(report, dsn, file, "--failed", str(failed))
    _show_import(report, first)
    counted = tuple(first[name] for name in ("inserted", "superseded", "failed"))
    report.check(
        f"of {dirty_items.ROWS:,} rows exactly the {expected.failed} wrong ones failed",
        counted == (expected.inserted, expected.superseded, expected.failed)
        and len(first["repairs"]) == expected.repairs,
        f"inserted, superseded, failed: {counted}, expected {expected}",
    )
    report.figure("imported", f"{first['rows_in']:,} rows in {first['seconds']:.1f} s")

    _title(report, "The failed rows, corrected in their file and imported")
    dirty_items.repair(failed)
    second = _import(report, dsn, failed)
    report.check(
        f"all {expected.failed} are in",
        (second["inserted"], second["failed"]) == (expected.failed, 0),
        f"{second}",
    )

    _title(report, "The same file again")
    before = _versions(owner)
    again = _import(report, dsn, file, "--again")
    report.check(
        f"{again['unchanged']:,} rows unchanged, nothing written",
        again["unchanged"] == expected.inserted and _versions(owner) == before,
        f"{again}",
    )


def _import(report: Report, dsn: str, file: Path, *options: str) -> dict[str, Any]:
    """`pgtandem import run`, as a user types it; what it says as JSON."""
    command = ("import", "run", IMPORT, str(file), "--field", dirty_items.FIELD, "--foreground")
    shown = " ".join(["pgtandem", *command, *options]).replace(f"{file.parent}/", "")
    report.console.print(f"  {shown}", markup=False, highlight=False, soft_wrap=True)
    done = subprocess.run(
        [sys.executable, "-m", "pgtandem", "--dsn", dsn, *command, *options, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=IMPORT_SECONDS,
    )
    if not done.stdout:
        raise PgTandemError("The demo's import did not end as it should.", detail=done.stderr)
    job: dict[str, Any] = json.loads(done.stdout)
    return job


def _show_import(report: Report, job: dict[str, Any]) -> None:
    counts = ("rows_in", "inserted", "updated", "unchanged", "superseded", "failed")
    table = Table(*(name.replace("_in", "") for name in counts))
    table.add_row(*(f"{job[name]:,}" for name in counts))
    report.console.print(table)
    repairs = Table("rows", "to repair", "example")
    for repair in job["repairs"]:
        repairs.add_row(
            f"{repair['rows']:,}", _short(repair["repair"], 60), _short(repair["examples"][0], 60)
        )
    report.console.print(repairs)


def _versions(owner: Connection) -> list[object]:
    """Which version of each row is there."""
    query = "select pg_catalog.sum(pg_catalog.hashtext(t.xmin::text || t.ctid)) from {} as t"
    return [
        _one(owner, sql.SQL(query).format(sql.Identifier(name)).as_string())
        for name in IMPORT_TABLES
    ]


def _summary(report: Report, server: KeptServer, page: Path, seconds: float) -> None:
    _title(report, "Summary")
    table = Table(show_header=False)
    for what, value in [*report.figures, ("the whole demo", f"{seconds:.1f} s")]:
        table.add_row(what, value)
    report.console.print(table)
    failed = [what for what, passed, _ in report.checks if not passed]
    if failed:
        report.console.print(f"[bold red]{len(failed)} checks failed:[/] {'; '.join(failed)}")
    else:
        report.console.print(f"[green]All {len(report.checks)} checks passed.[/]")
    report.console.print(f"To look at: {page}", markup=False, highlight=False, soft_wrap=True)
    report.console.print(
        f"The server stays: {_this_program()} --dsn"
        f" '{server.conninfo(DATABASE, 'shop_owner')}' status",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _this_program() -> str:
    """How this command was called, so that what is printed can be pasted."""
    called = Path(sys.argv[0])
    if called.name != "pgtandem":
        return f"{sys.executable} -m pgtandem"
    folder = Path.cwd()
    return str(called.relative_to(folder) if called.is_relative_to(folder) else called)


def _rows(conn: Connection, query: str, *arguments: object) -> list[Any]:
    """All rows as named tuples, whose fields are the verbs' columns."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(query.encode(), arguments or None)
        return cursor.fetchall()


def _one(conn: Connection, query: str, *arguments: object) -> Any:
    row = conn.execute(query.encode(), arguments or None).fetchone()
    assert row is not None
    return row[0]
