"""`pgtandem import run`: files, real ones too, from the command line into the tables."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from imports.files import figures, import_file, imported, real, write, written
from imports.jobs import names, variants
from pgtandem.records import BrokenRecord, open_records
from support.cli import TIMEOUT_SECONDS, Done, pgtandem, start
from support.databases import Database
from support.shop import one

FIELDS: dict[str, dict[str, str]] = {
    "fashion_styles.csv.gz": {"name": "articleType", "color": "baseColour", "sku": "id"},
    "lego_colors.csv": {"color": "name", "name": "rgb"},
    "magento2_configurable_products.csv.gz": {"quantity": "qty"},
    "myntra_products.csv.gz": {
        "name": "Product_Name", "color": "Primary_Color", "sku": "Product_ID",
    },
    "shopify_apparel.csv": {
        "name": "Title", "size": "Option1 Value", "price": "Variant Price", "sku": "Variant SKU",
    },
    "shopify_home_and_garden.csv": {
        "name": "Handle", "size": "Option1 Value", "price": "Variant Price",
    },
    "shopify_jewelery.csv": {"name": "Handle", "color": "Option1 Value", "price": "Variant Price"},
    "skus_style_size.csv": {"name": "style_id", "sku": "sku_id"},
    "spree_products.csv": {"name": "slug", "color": "option1_value", "size": "option2_value"},
    "spree_products_import_fixture.csv": {"color": "option1_value", "size": "option2_value"},
    "woocommerce_importer_test.csv": {"price": "Regular price", "quantity": "Stock"},
    "woocommerce_sample_products.csv": {
        "price": "Regular price", "size": "Attribute 2 value(s)", "color": "Attribute 1 value(s)",
    },
}  # fmt: skip


def options(fields: dict[str, str]) -> list[str]:
    return [part for field, name in fields.items() for part in ("--field", f"{field}={name}")]


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def numbered(path: Path, rows: int, bad: int = 0) -> Path:
    """A file of items, of which the first have no price that is a number."""
    return write(
        path,
        ["name", "color", "size", "sku", "price"],
        (
            (f"Item {n // 10}", f"Colour {n % 5}", n % 10, f"S{n}", "x" if n < bad else n)
            for n in range(rows)
        ),
    )


@pytest.mark.parametrize("name", FIELDS)
def test_every_row_of_a_real_file_is_accounted_for(import_db: Database, name: str) -> None:
    path = real("variants", name)
    conn = import_db.owner()
    with open_records(path) as file:
        records = list(file.records())
    done = import_file(import_db, path, *options(FIELDS[name]))
    assert done.code in (0, 1), done.err[-2000:]
    job = done.json()
    assert (job["state"], job["rows_in"]) == ("done", len(records))
    assert sum(figures(job).values()) == len(records)
    assert done.code == (1 if job["failed"] else 0)
    assert job["failed"] < len(records)
    broken = [record.line for record in records if isinstance(record, BrokenRecord)]
    lines = "select line_no from tandem.import_failed_rows where sqlstate = '22P04' order by 1"
    assert [line for (line,) in conn.execute(lines)] == broken
    before = written(conn)
    again = import_file(import_db, path, *options(FIELDS[name]), "--again").json()
    assert written(conn) == before
    assert again["import_id"] != job["import_id"]
    assert figures(again) == {
        k: v
        for k, v in {
            "unchanged": job["inserted"] + job["updated"] + job["unchanged"],
            "superseded": job["superseded"],
            "failed": job["failed"],
        }.items()
        if v
    }


@pytest.mark.parametrize("dry", [False, True])
def test_a_newer_export_of_a_catalogue_changes_what_differs(import_db: Database, dry: bool) -> None:
    """Of 20,613 and 22,347 sets 20,475 are in both; 138 are gone, and nothing is done to them."""
    old = real("products", "lego_sets_2023.csv.gz")
    new = real("products", "lego_sets.csv.gz")
    fields = options({"name": "set_num", "description": "name"})
    conn = import_db.owner()
    assert figures(imported(import_db, old, *fields)) == {"inserted": 20_613}
    there: dict[str, int] = dict(conn.execute("select name, item_id from item_master").fetchall())
    changes = """
        select n.name, n.xmin::text from item_master as n where not exists (
            select from tandem.import_changes as c
            where c.import_id = 2 and c.row_id = n.item_id::text
        )
    """
    if dry:
        before = written(conn, sequences=False)
        job = imported(import_db, new, *fields, "--dry-run")
        assert written(conn, sequences=False) == before
        assert (job["state"], len(job["changes"])) == ("done", 20)
        assert job["changes_in_all"] == job["inserted"] + job["updated"]
    else:
        untouched = set(conn.execute("select name, xmin::text from item_master").fetchall())
        job = imported(import_db, new, *fields)
        same = set(conn.execute(changes.encode()).fetchall())
        assert same <= untouched
        assert len(same) == 138 + job["unchanged"]
        now: dict[str, int] = dict(conn.execute("select name, item_id from item_master").fetchall())
        assert len(now) == 20_613 + 1_872
        assert {name: now[name] for name in there} == there
    assert job["inserted"] == 1_872
    assert job["updated"] + job["unchanged"] == 20_475
    assert 0 < job["updated"] < 1_708


def test_the_same_file_is_the_same_import(import_db: Database, tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.csv", 30, bad=2)
    first = imported(import_db, path, code=1)
    done = import_file(import_db, path)
    assert (done.code, done.json()["import_id"]) == (1, first["import_id"])
    assert "import 1 already, which is done" in done.err
    # other options may have another outcome, a batch's size has none
    assert imported(import_db, path, "--batch-rows", "7", code=1)["import_id"] == 1
    assert imported(import_db, path, "--empty", "clear", code=1)["import_id"] == 2
    again = imported(import_db, path, "--again", code=1)
    assert figures(again) == {"unchanged": 28, "failed": 2}
    copy = tmp_path / "b.csv"
    copy.write_bytes(path.read_bytes())
    assert imported(import_db, copy, code=1)["import_id"] == 1


@pytest.mark.parametrize("rows", [0, 1, 999, 1000, 1001])
def test_sizes_around_a_batch(import_db: Database, tmp_path: Path, rows: int) -> None:
    job = imported(import_db, numbered(tmp_path / "a.csv", rows))
    assert (job["rows_in"], figures(job)) == (rows, {"inserted": rows} if rows else {})
    assert len(variants(import_db.owner())) == rows


def test_a_file_without_a_header_is_refused(import_db: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"")
    done = import_file(import_db, path)
    assert done.code == 2
    assert "is empty" in done.err


@pytest.mark.slow
def test_the_largest_file_and_one_row_more(import_db: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    job = imported(import_db, numbered(path, 50_000))
    assert figures(job) == {"inserted": 50_000}
    done = import_file(import_db, numbered(path, 50_001))
    assert done.code == 2
    assert "more than 50,000 rows" in done.err
    assert one(import_db.owner(), "select count(*) from tandem.import_job") == 1


def test_the_environment_lowers_the_largest_file(import_db: Database, tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.csv", 11)
    done = with_environment(import_db, path, IMPORT_MAX_ROWS="10")
    assert done.code == 2
    assert "more than 10 rows" in done.err
    conn = import_db.owner()
    assert one(conn, "select count(*) from tandem.import_job") == 0
    conn.execute("update tandem.setting set value = '10' where name = 'import_max_rows'")
    done = with_environment(import_db, path, IMPORT_MAX_ROWS="1000")
    assert (done.code, "more than 10 rows" in done.err) == (2, True)


def test_the_environment_has_the_settings_of_one_import(
    import_db: Database, tmp_path: Path
) -> None:
    path = numbered(tmp_path / "a.csv", 11)
    done = with_environment(
        import_db,
        path,
        IMPORT_BATCH_SIZE="3",
        IMPORT_TIMEOUT_SECONDS="77",
        IMPORT_BACKGROUND_THRESHOLD="10",
    )
    assert done.code == 0, done.err
    query = "select batch_rows, timeout_seconds, is_durable, state from tandem.import_job"
    assert import_db.owner().execute(query.encode()).fetchall() == [(3, 77, True, "queued")]
    assert "pgtandem import status 1" in done.err
    wrong = with_environment(import_db, path, IMPORT_BATCH_SIZE="many")
    assert (wrong.code, "IMPORT_BATCH_SIZE" in wrong.err) == (2, True)


def with_environment(db: Database, path: Path, **variables: str) -> Done:
    return pgtandem("import", "run", "items", path, dsn=db.owner_dsn, variables=variables)


def test_many_rows_are_left_to_a_worker_unless_told_otherwise(
    import_db: Database, tmp_path: Path
) -> None:
    path = numbered(tmp_path / "a.csv", 1001)
    done = pgtandem("import", "run", "items", path, "--json", dsn=import_db.owner_dsn)
    assert (done.code, done.json()["state"], done.json()["durable"]) == (0, "queued", True)
    assert "import status 1" in done.err
    # once more it is the same one, and here is where it is done now
    assert figures(imported(import_db, path)) == {"inserted": 1001}
    small = numbered(tmp_path / "b.csv", 1000)
    done = pgtandem("import", "run", "items", small, "--json", dsn=import_db.owner_dsn)
    assert (done.json()["state"], done.json()["durable"]) == ("done", False)
    one_row = numbered(tmp_path / "c.csv", 1)
    done = pgtandem(
        "import", "run", "items", one_row, "--json", "--background", dsn=import_db.owner_dsn
    )
    assert done.json()["state"] == "queued"


def test_lines_in_several_encodings(import_db: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        "name,color\nCafé,Weiß\n".encode()
        + "Crème,Bleu\n".encode("cp1252")
        + "Tee,Grün\n".encode()
        + b"Nul\x00,Red\n\xff\\x,Red\nplain,Red\n"
    )
    job = imported(import_db, path, code=1)
    assert figures(job) == {"inserted": 3, "failed": 3}
    conn = import_db.owner()
    assert names(conn, "item_master", "name") == ["Café", "Tee", "plain"]
    kept = "select line_no, sqlstate, content from tandem.import_failed_rows order by row_no"
    assert conn.execute(kept.encode()).fetchall() == [
        (3, "22P04", ["Cr\\xe8me,Bleu"]),
        (5, "22P04", ["Nul\\x00,Red"]),
        (6, "22P04", ["\\xff\\\\x,Red"]),
    ]
    assert {r["rows"] for r in job["repairs"]} == {1, 2}  # the bytes are one thing to repair
    whole = imported(import_db, path, "--encoding", "latin-1", "--dry-run", code=1)
    assert figures(whole)["failed"] == 1


def test_a_utf16_file_and_json_lines(import_db: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["name", "price"], [("Ä", "1.5")], encoding="utf-16")
    assert figures(imported(import_db, path, "--encoding", "utf-16")) == {"inserted": 1}
    lines = tmp_path / "b.jsonl"
    lines.write_text('{"name": "Ä", "price": 1.50}\nno json\n{"name": "B", "sku": "\\u0000"}\n')
    job = imported(import_db, lines, code=1)
    assert figures(job) == {"unchanged": 1, "failed": 2}
    assert (job["file"], job["rows_in"]) == ("b.jsonl", 3)


@pytest.mark.parametrize(("bad", "state"), [(50, "done"), (51, "dead")])
def test_exactly_as_many_failed_rows_as_allowed(
    import_db: Database, tmp_path: Path, bad: int, state: str
) -> None:
    path = numbered(tmp_path / "a.csv", 1000, bad=bad)
    job = imported(import_db, path, "--max-failed-percent", "5.0", code=1)
    assert job["state"] == state
    assert len(variants(import_db.owner())) == (1000 - bad if state == "done" else 0)
    assert sum(repair["rows"] for repair in job["repairs"]) == bad
    if state == "dead":
        assert job["error_sqlstate"] == "TD064"
        # the same command does not go on where it was given up
        done = import_file(import_db, path, "--max-failed-percent", "5")
        assert (done.code, done.json()["import_id"]) == (1, job["import_id"])
        assert variants(import_db.owner()) == set()


def test_wrong_use(import_db: Database, tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.csv", 1)
    for arguments, said in (
        (("--field", "title=name"), "[TD066]"),
        (("--field", "name=Title"), "[TD066]"),
        (("--field", "name"), "FIELD=NAME"),
        (("--field", "name=a", "--field", "name=b"), "twice"),
        (("--max-failed-percent", "101"), "101"),
        (("--encoding", "klingon"), "klingon"),
    ):
        done = import_file(import_db, path, *arguments)
        assert (done.code, said in done.err) == (2, True), done.err
    assert import_file(import_db, tmp_path / "none.csv").code == 2
    assert pgtandem("import", "run", "things", path, dsn=import_db.owner_dsn).code == 2
    assert pgtandem("import", "status", "7", dsn=import_db.owner_dsn).code == 2
    assert (
        pgtandem("import", "failed", "7", "-o", tmp_path / "x.csv", dsn=import_db.owner_dsn).code
        == 2
    )
    assert one(import_db.owner(), "select count(*) from tandem.import_job") == 0


def test_a_dry_run_shows_what_would_change(import_db: Database, tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.csv", 3)
    imported(import_db, path)
    write(
        path,
        ["name", "color", "size", "price"],
        [("Item 0", "Colour 0", 0, "7"), ("Item 0", "Colour 1", 1, "1"), ("New", "", "", "2")],
    )
    conn = import_db.owner()
    before = written(conn, sequences=False)
    job = imported(import_db, path, "--dry-run")
    assert written(conn, sequences=False) == before
    assert figures(job) == {"inserted": 1, "updated": 1, "unchanged": 1}
    assert [(c["table"], c["action"], c["changed"]) for c in job["changes"]][2] == (
        "item_variant",
        "update",
        {"price": [0, 7]},
    )
    shown = pgtandem("import", "run", "items", path, "--dry-run", dsn=import_db.owner_dsn)
    assert "price: 0.00 -> 7.00" in shown.out
    assert "Nothing was written." in shown.err
    # a dry run is not the import
    assert figures(imported(import_db, path)) == figures(job)


SLOW = """
create function slow() returns trigger language plpgsql as $$
begin
    perform pg_sleep(0.05);
    return new;
end $$;
create trigger slow before insert on item_variant for each row execute function slow();
"""


@pytest.mark.parametrize("terminal", [False, True])
def test_ctrl_c_and_the_same_command_goes_on(
    import_db: Database, tmp_path: Path, terminal: bool
) -> None:
    conn = import_db.owner()
    conn.execute(SLOW.encode())
    path = numbered(tmp_path / "a.csv", 100)
    command = ("import", "run", "items", path, "--batch-rows", "10")
    ours, theirs = pty.openpty() if terminal else (-1, subprocess.PIPE)
    screen: list[bytes] = []
    with start(*command, dsn=import_db.owner_dsn, stderr=theirs) as process:
        if terminal:
            os.close(theirs)
            threading.Thread(target=_drain, args=(ours, screen), daemon=True).start()
        wait_for(
            lambda: (
                process.poll() is not None
                or one(conn, "select coalesce(max(next_row), 1) from tandem.import_job") > 10
            ),
            "the first batch",
        )
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_SECONDS)
    text = err or b"".join(screen).decode()
    assert process.returncode == 130
    assert "Go on where it stopped:  pgtandem import run items" in text
    conn.execute("drop trigger slow on item_variant")
    done = one(conn, "select next_row - 1 from tandem.import_job")
    assert 10 <= done < 100
    listed = pgtandem("import", "status", "--json", dsn=import_db.owner_dsn).json()
    assert [job["state"] for job in listed] == ["interrupted"]
    resumed = imported(import_db, path)
    assert (resumed["import_id"], figures(resumed)) == (1, {"inserted": 100})


def _drain(descriptor: int, screen: list[bytes]) -> None:
    try:
        while chunk := os.read(descriptor, 4096):
            screen.append(chunk)
    except OSError:
        pass


def test_one_that_was_interrupted_is_cancelled_at_once(import_db: Database, tmp_path: Path) -> None:
    conn = import_db.owner()
    path = numbered(tmp_path / "a.csv", 30)
    job = pgtandem("import", "run", "items", path, "--background", dsn=import_db.owner_dsn)
    assert job.code == 0
    conn.execute("call tandem.run_import(1, p_batch_rows => 10, p_max_batches => 2)")
    conn.execute("update tandem.import_job set state = 'running'")  # as after a kill
    done = pgtandem("import", "cancel", "1", dsn=import_db.owner_dsn)
    assert (done.code, "is cancelled" in done.err) == (0, True), done.err
    shown = pgtandem("import", "status", "1", "--json", dsn=import_db.owner_dsn).json()
    assert (shown["state"], shown["rows_done"]) == ("cancelled", len(variants(conn)))
    # the file may be imported again: what is in stays as it is
    assert figures(imported(import_db, path)) == {"inserted": 20, "unchanged": 10}


def test_an_error_that_may_pass_is_tried_again(import_db: Database, tmp_path: Path) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create sequence tries;
        create function once() returns trigger language plpgsql as $$
        begin
            if nextval('public.tries') < 3 then
                raise exception 'not now' using errcode = '40001';
            end if;
            return null;
        end $$;
        create trigger once after insert on item_variant
        for each statement execute function once();
        """
    )
    done = import_file(import_db, numbered(tmp_path / "a.csv", 5))
    assert (done.code, figures(done.json())) == (0, {"inserted": 5}), done.err[-1500:]


def test_input_that_did_not_outlive_a_crash_is_read_again(
    import_db: Database, tmp_path: Path
) -> None:
    path = numbered(tmp_path / "a.csv", 5)
    conn = import_db.owner()
    key = import_file(import_db, path, "--background").json()["import_id"]
    conn.execute("delete from tandem.import_row")  # as a crash does it to a table without WAL
    conn.execute("update tandem.import_job set is_durable = false")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("call tandem.run_import(%s)", (key,))
    assert caught.value.sqlstate == "TD062"
    job = imported(import_db, path)
    assert (job["import_id"] != key, figures(job)) == (True, {"inserted": 5})


def test_one_that_was_given_up_goes_on(import_db: Database, tmp_path: Path) -> None:
    conn = import_db.owner()
    path = numbered(tmp_path / "a.csv", 5)
    import_file(import_db, path, "--background")
    conn.execute("drop index idx_item_master_name_unique")
    done = import_file(import_db, path)
    assert (done.code, "[TD003]" in done.err) == (1, True), done.err[-500:]
    assert one(conn, "select state from tandem.import_job") == "dead"
    waits = pgtandem("import", "run", "items", path, dsn=import_db.owner_dsn)
    assert (waits.code, "Go on with it here: --foreground" in waits.err) == (1, True)
    conn.execute(
        "create unique index idx_item_master_name_unique on item_master (name)"
        " where deleted_at is null"
    )
    done = import_file(import_db, path)
    assert (done.code, "going on with it" in done.err) == (0, True), done.err[-500:]


def test_a_writer_hands_in_and_sees_nothing(import_db: Database, tmp_path: Path) -> None:
    conn = import_db.owner()
    conn.execute("select tandem.grant_to('new_app', 'writer')")
    path = numbered(tmp_path / "a.csv", 5)
    done = pgtandem("import", "run", "items", path, "--json", dsn=import_db.new_app_dsn)
    assert (done.code, done.json()) == (0, {"import_id": 1}), done.err
    query = "select state, is_durable, submitted_by, user_id from tandem.import_job"
    row = conn.execute(query.encode()).fetchone()
    assert row == ("queued", True, "new_app", "new_app")
    # the same again
    done = pgtandem("import", "run", "items", path, "--json", dsn=import_db.new_app_dsn)
    assert (done.code, done.json()) == (0, {"import_id": 1})
    command = ("import", "run", "items", path, "--json", "--again")
    done = pgtandem(*command, dsn=import_db.new_app_dsn)
    assert done.json()["import_id"] > 1
    # whose numbers do not disturb those of others
    assert import_file(import_db, path, "--again").json()["import_id"] == done.json()["import_id"]
    # it is the server that refuses here
    conn.execute("update tandem.setting set value = '4' where name = 'import_max_rows'")
    done = pgtandem(*command, dsn=import_db.new_app_dsn)
    assert (done.code, "TD065" in done.err) == (2, True)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        import_db.new_app().execute("select * from tandem.import_failed_rows")


def test_what_is_shown_for_people(import_db: Database, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        ["name", "color", "price"],
        [("T  Shirt", "Red", "1"), ("Hat", "Red", "12,50"), ("Cap", "Red", "x"), ("", "Red", "1")],
    )
    done = pgtandem("import", "run", "items", path, "--user", "ann", dsn=import_db.owner_dsn)
    assert done.code == 1
    assert "warning: blanks" in done.out
    assert "price: is no number that fits numeric(12,2)" in done.out
    assert "ann (shop_owner)" in done.out
    assert "pgtandem import failed 1 -o FILE.csv" in done.err
    shown = pgtandem("import", "status", "1", dsn=import_db.owner_dsn)
    assert shown.out == done.out
    listed = pgtandem("import", "status", dsn=import_db.owner_dsn)
    assert listed.code == 0
    assert "a.csv" in listed.out and "done" in listed.out
    repairs = pgtandem("import", "status", "1", "--json", dsn=import_db.owner_dsn).json()["repairs"]
    assert [(r["repair"], r["rows"], r["column"], r["sqlstate"]) for r in repairs] == [
        ("price: is no number that fits numeric(12,2)", 2, "price", "22P02"),
        ("name: it is empty", 1, "name", "23502"),
    ]
    assert repairs[0]["examples"] == [
        "line 3: price: '12,50' is no number that fits numeric(12,2)",
        "line 4: price: 'x' is no number that fits numeric(12,2)",
    ]


def test_ignored_columns_an_undo_and_an_absent_worker_are_told(
    import_db: Database, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", ["name", "Prcie", "color"], [("T  Shirt", "1", "Red")])
    done = pgtandem("import", "run", "items", path, dsn=import_db.owner_dsn)
    assert (done.code, done.out.count("Prcie")) == (0, 1)
    assert "1 row: line 2, name" in done.out
    job = pgtandem("import", "status", "1", "--json", dsn=import_db.owner_dsn).json()
    assert (job["ignored_columns"], job["undone"]) == (["Prcie"], False)
    import_db.owner().execute("call tandem.undo_import(1)")
    for arguments in (("1",), ()):
        shown = pgtandem("import", "status", *arguments, dsn=import_db.owner_dsn)
        assert "done, undone" in shown.out
    same = pgtandem("import", "run", "items", path, dsn=import_db.owner_dsn)
    assert (same.code, "It was undone" in same.err) == (1, True)
    waits = import_file(import_db, path, "--background", "--again")
    assert "None is there now" in waits.err


def test_a_lost_session_is_told_how_to_go_on(import_db: Database, tmp_path: Path) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function lose() returns trigger language plpgsql as $$
        begin
            perform pg_terminate_backend(pg_backend_pid());
            return null;
        end $$;
        create trigger lose after insert on item_variant
        for each statement execute function lose();
        """
    )
    path = numbered(tmp_path / "a.csv", 5)
    done = import_file(import_db, path)
    assert (done.code, "Go on where it stopped:  pgtandem" in done.err) == (2, True), done.err
    conn.execute("drop trigger lose on item_variant")
    assert figures(imported(import_db, path)) == {"inserted": 5}


def test_rows_that_two_sessions_import_at_once(import_db: Database, tmp_path: Path) -> None:
    """The same command twice is one import; the second one says that it is under way."""
    conn = import_db.owner()
    conn.execute(SLOW.encode())
    path = numbered(tmp_path / "a.csv", 60)
    command = ("import", "run", "items", path, "--batch-rows", "5", "--json")
    with start(*command, dsn=import_db.owner_dsn) as first:
        wait_for(
            lambda: (
                first.poll() is not None
                or one(conn, "select coalesce(max(next_row), 1) from tandem.import_job") > 1
            ),
            "the first batch",
        )
        second = pgtandem(*command, dsn=import_db.owner_dsn)
        out, _ = first.communicate(timeout=TIMEOUT_SECONDS)
    assert (second.code, "[TD010]" in second.err) == (1, True)
    assert figures(json.loads(out)) == {"inserted": 60}
    assert one(conn, "select count(*) from tandem.import_job") == 1
