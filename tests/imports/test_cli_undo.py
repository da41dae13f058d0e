"""`pgtandem import undo`, and what a dry run and --failed do before anything is imported."""

from __future__ import annotations

from pathlib import Path

from imports.files import imported, write
from imports.jobs import names, run
from support.cli import pgtandem
from support.databases import Database
from support.shop import one

ROWS = [{"name": "Shirt", "color": "Red"}, {"name": "Hat", "color": "Red"}]


def test_an_undo_is_shown_then_done_and_says_what_it_kept(import_db: Database) -> None:
    conn = import_db.owner()
    import_id = run(conn, ROWS)
    conn.execute("alter table item_master add seen timestamptz")
    conn.execute("update item_master set seen = now() where name = 'Hat'")
    undo = ("import", "undo", f"{import_id}")
    asked = pgtandem(*undo, "--json", dsn=import_db.owner_dsn)
    assert asked.code == 1 and "--yes" in asked.err
    assert asked.json()["to_undo"] == [
        {"table": "color_master", "change": "insert", "rows": 1},
        {"table": "item_master", "change": "insert", "rows": 2},
        {"table": "item_variant", "change": "insert", "rows": 2},
    ]
    assert names(conn, "item_master", "name") == ["Hat", "Shirt"]
    done = pgtandem(*undo, "--yes", dsn=import_db.owner_dsn)
    assert done.code == 1
    assert "something else has written it since" in done.out
    assert names(conn, "item_master", "name") == ["Hat"]
    again = pgtandem(*undo, "--yes", "--json", dsn=import_db.owner_dsn)
    assert again.code == 1
    assert [each["reversed"] for each in again.json()["undone"]] == [1, 1, 2]
    assert [each["outcome"] for each in again.json()["not_undone"]] == ["kept"]


def test_an_import_that_wrote_nothing_or_is_not_there(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, ROWS)
    unchanged = run(conn, ROWS)
    done = pgtandem("import", "undo", f"{unchanged}", "--yes", dsn=import_db.owner_dsn)
    assert (done.code, "has written nothing" in done.err) == (0, True)
    absent = pgtandem("import", "undo", "4711", "--yes", dsn=import_db.owner_dsn)
    assert absent.code == 2 and "There is no import 4711." in absent.err
    dry = run(conn, ROWS, dry_run=True)
    refused = pgtandem("import", "undo", f"{dry}", dsn=import_db.owner_dsn)
    assert refused.code == 1 and "TD067" in refused.err


def test_a_dry_run_is_refused_to_who_could_not_see_it(import_db: Database, tmp_path: Path) -> None:
    import_db.owner().execute("select tandem.grant_to('new_app', 'writer')")
    path = write(tmp_path / "items.csv", ["name"], [["Shirt"]])
    done = pgtandem("import", "run", "items", path, "--dry-run", dsn=import_db.new_app_dsn)
    assert done.code == 2 and "tell you nothing" in done.err
    assert one(import_db.owner(), "select count(*) from tandem.import_job") == 0


def test_failed_rows_of_an_earlier_import_are_not_left_in_their_file(
    import_db: Database, tmp_path: Path
) -> None:
    bad = write(tmp_path / "bad.csv", ["name", "price"], [["Shirt", "x"]])
    good = write(tmp_path / "good.csv", ["name", "price"], [["Shirt", "1"]])
    failed = tmp_path / "failed.csv"
    imported(import_db, bad, "--failed", failed, code=1)
    assert len(failed.read_text().splitlines()) == 2
    imported(import_db, good, "--failed", failed)
    assert len(failed.read_text().splitlines()) == 1
    imported(import_db, good, "--again", "--failed", tmp_path / "other.csv")
    assert not (tmp_path / "other.csv").exists()


def test_a_file_that_cannot_be_written_is_said_before_the_import(
    import_db: Database, tmp_path: Path
) -> None:
    good = write(tmp_path / "good.csv", ["name"], [["Shirt"]])
    absent = tmp_path / "absent" / "failed.csv"
    done = pgtandem("import", "run", "items", good, "--failed", absent, dsn=import_db.owner_dsn)
    assert done.code == 2 and "cannot be written" in done.err
    assert one(import_db.owner(), "select count(*) from tandem.import_job") == 0
