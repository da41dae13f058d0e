"""The report of imports: one HTML file over jobs, batches and the baseline."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from imports.jobs import run
from imports.ledger import job
from pgtandem.report.imports import import_report
from support.cli import pgtandem
from support.databases import Connection, Database
from test_report import Seen

HEADINGS = (
    "Alerts", "Success by hour, new importer", "Success by hour, old importer", "Durations",
    "Queue", "Old against new", "Batches", "Warnings", "Failed rows, by reason", "Checks", "Advice",
)  # fmt: skip


@pytest.fixture
def owner(import_db: Database) -> Connection:
    """Imports of both paths, of which rows and jobs failed, with a baseline."""
    conn = import_db.owner()
    rows = [{"name": "A", "description": text} for text in ("one", "two")]
    run(conn, [*rows, {"name": " "}], batch_rows=1)
    for hour in range(30):
        job(conn, ago=f"{hour} hours", seconds=4, state="dead" if hour % 3 == 0 else "done")
    job(conn, importer="old", seconds=8, ago="2 hours")
    job(conn, state="queued", rows=5, ago="3 hours")
    conn.execute("select tandem.record_import_baseline('items')")
    return conn


def page(db: Database, folder: Path, *arguments: str) -> Seen:
    path = folder / "imports.html"
    done = pgtandem("import", "report", *arguments, "-o", path, dsn=db.owner_dsn)
    assert (done.code, done.out.strip()) == (0, str(path)), done.err
    return Seen(path.read_text(encoding="utf-8"))


def test_the_page_has_what_the_ledger_has(
    import_db: Database, owner: Connection, tmp_path: Path
) -> None:
    owner.execute("update tandem.import_job set warnings = '{\"look_alike\": {\"rows\": 417}}'"
                  " where import_id = 1")  # fmt: skip
    seen = page(import_db, tmp_path, "items")
    assert [heading for heading in seen.headings if heading in HEADINGS] == list(HEADINGS)
    assert seen.tags.count("svg") == 6  # a single point, such as of the old path, is no line
    texts = set(seen.texts)
    assert {"look_alike", "417", "critical", "no memory is lost", "batch size"} <= texts
    assert "name: nothing of it can be seen" in " ".join(texts)
    mean = (20 * 4) / 21  # one more took no time
    told = re.search(r"improvement: (\S+) %", " ".join(texts))
    assert told is not None and float(told[1]) == pytest.approx((8 - mean) / 8 * 100, abs=0.5)


def test_the_one_mapping_need_not_be_named(import_db: Database, tmp_path: Path) -> None:
    seen = page(import_db, tmp_path)
    assert "pgtandem: imports of items" in seen.headings + seen.texts


def test_a_mapping_without_imports_has_a_page(import_db: Database, tmp_path: Path) -> None:
    import_db.owner().execute("update tandem.mapping set phase = 'deployed'")
    seen = page(import_db, tmp_path, "items")
    assert "Success by hour" in seen.headings and "Checks" not in seen.headings
    assert seen.tags.count("svg") == 2
    assert "Nothing to compare yet" in " ".join(seen.texts)


def test_a_page_that_cannot_be_written_is_named(import_db: Database, tmp_path: Path) -> None:
    path = tmp_path / "none" / "x.html"
    done = pgtandem("import", "report", "items", "-o", path, dsn=import_db.owner_dsn)
    assert (done.code, done.err) == (1, f"{path}: No such file or directory.\n")


def test_the_page_loads_and_runs_nothing(
    import_db: Database, owner: Connection, tmp_path: Path
) -> None:
    owner.execute("update tandem.rejected_row set message = '<script>alert(1)</script>'")
    seen = page(import_db, tmp_path, "items")
    assert not {"script", "link", "iframe", "img", "image"} & set(seen.tags)
    assert "<script>alert(1)</script>" in seen.texts


def test_what_is_no_import_is_refused_and_nothing_is_written(
    import_db: Database, tmp_path: Path
) -> None:
    for arguments in (("nothing",), ()):
        if not arguments:
            import_db.owner().execute("delete from tandem.mapping")
        done = pgtandem("import", "report", *arguments, dsn=import_db.owner_dsn, folder=tmp_path)
        assert done.code != 0
        assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_operator_may_and_a_reader_may_not(import_db: Database, owner: Connection) -> None:
    owner.execute("select tandem.grant_to('new_app', 'operator')")
    owner.execute("select tandem.grant_to('old_app', 'reader')")
    assert import_report(import_db.new_app(), "items").sections
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        import_report(import_db.old_app(), "items")
