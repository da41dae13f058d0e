"""Twenty inputs that break importers, each in all its forms.

Told elsewhere: 16, indexes that are built meanwhile: test_arbiter; 15, opposite orders:
test_concurrent; 17, what is killed or stands still: test_lost_sessions; of 18, the largest file:
test_cli_run.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import psycopg
import pytest

from imports.files import figures, import_file, imported, write, written
from imports.jobs import Counts, counts, failures, names, run, state, submit, variants
from support.databases import Database
from support.shop import one

SHIRT = {"name": "Shirt", "color": "Red", "size": "M"}


def warnings(db: Database, import_id: int) -> dict[str, int]:
    """How many rows each warning of an import is about."""
    query = "select warnings from tandem.import_job where import_id = %s"
    return {kind: told["rows"] for kind, told in one(db.owner(), query, import_id).items()}


def test_01_the_same_key_twice_in_one_batch(import_db: Database) -> None:
    conn = import_db.owner()
    done = run(conn, [SHIRT | {"price": "1"}, SHIRT | {"price": "2"}])
    assert counts(conn, done) == Counts(inserted=1, superseded=1)
    assert [int(row[4]) for row in variants(conn)] == [2]
    loser = "select row_no, by_row from tandem.import_mark where mark = 'superseded'"
    assert conn.execute(loser.encode()).fetchall() == [(1, 2)]


@pytest.mark.parametrize("rule", ["first", "last"])
@pytest.mark.parametrize("stops", [False, True])
def test_02_the_same_key_in_two_batches(import_db: Database, rule: str, stops: bool) -> None:
    """Also where the session was lost between the two."""
    conn = import_db.owner()
    rows = [{"name": f"Item {n}", "price": "5"} for n in range(1, 1003)]
    rows[998], rows[1000] = SHIRT | {"price": "1"}, SHIRT | {"price": "2"}
    import_id = submit(conn, rows, duplicates=rule, header=["name", "color", "size", "price"])
    if stops:
        conn.execute("call tandem.run_import(%s, p_max_batches => 2)", (import_id,))
        assert one(conn, "select next_row from tandem.import_job") == 1001
    conn.execute("call tandem.run_import(%s)", (import_id,))
    assert counts(conn, import_id) == Counts(inserted=1001, superseded=1)
    found = [int(row[4]) for row in variants(conn) if row[0] == "Shirt"]
    assert found == [1 if rule == "first" else 2]


def test_03_one_colour_in_five_spellings(import_db: Database) -> None:
    conn = import_db.owner()
    spellings = (" Black", "Black", "BLACK", "Black\u00a0", "Bl\u200back")
    for n, spelling in enumerate(spellings):  # one import each: what is there is met, too
        done = run(conn, [SHIRT | {"color": spelling}])
        assert counts(conn, done) == (Counts(unchanged=1) if n else Counts(inserted=1))
    assert names(conn, "color_master", "color_name") == ["Black"]
    assert warnings(import_db, done) == {"invisible": 1}


def test_04_normal_forms_widths_and_letters(import_db: Database) -> None:
    conn = import_db.owner()
    alike = [
        ("Caf\u00e9", "Cafe\u0301"),
        ("Size \uff11\uff12", "size 12"),
        ("\u0130stanbul", "I\u0307STANBUL"),
        ("Wei\u00df", "WEISS"),
    ]
    for one_form, other in alike:
        same = one(conn, "select tandem.import_key(%s) = tandem.import_key(%s)", one_form, other)
        rows = [SHIRT | {"color": one_form}, SHIRT | {"color": other}]
        assert same, one_form
        assert counts(conn, run(conn, rows)).superseded == 1, one_form
    assert len(names(conn, "color_master", "color_name")) == len(alike)


def test_05_a_letter_of_another_alphabet(import_db: Database) -> None:
    conn = import_db.owner()
    done = run(conn, [SHIRT | {"color": "\u0421ola"}, SHIRT | {"color": "Cola"}])
    assert counts(conn, done) == Counts(inserted=2)
    assert len(names(conn, "color_master", "color_name")) == 2
    assert warnings(import_db, done) == {"look-alike": 1}


def test_06_what_no_text_can_hold(import_db: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"name,color\nGood,Red\nNul\x00,Red\nCaf\xe9,Red\nFine,Red\n")
    job = imported(import_db, path, code=1)
    assert figures(job) == {"inserted": 2, "failed": 2}
    lines = tmp_path / "b.jsonl"
    lines.write_text('{"name": "A"}\n{"name": "\\u0000"}\n{"name": "\\ud800"}\n{"name": "B"}\n')
    job = imported(import_db, lines, code=1)
    assert figures(job) == {"inserted": 2, "failed": 2}
    query = "select import_id, line_no from tandem.import_failed_rows order by 1, 2"
    assert import_db.owner().execute(query).fetchall() == [(1, 3), (1, 4), (2, 2), (2, 3)]


def test_07_names_that_fit_no_index(import_db: Database) -> None:
    conn = import_db.owner()
    packed = one(
        conn, "select string_agg(md5(i::text), '') from generate_series(1, 100) as i"
    )[:2705]  # fmt: skip
    names_ = (packed, "a" * 10_000, packed[:2600], "b" * 2600)
    done = run(conn, [{"name": name} for name in names_])
    assert counts(conn, done) == Counts(inserted=2, failed=2)
    assert [(row, code) for row, _, code, _ in failures(conn, done)] == [(1, "54000"), (2, "54000")]
    colours = run(conn, [SHIRT | {"color": name} for name in names_])
    assert counts(conn, colours) == Counts(inserted=2, failed=2)


def test_08_text_that_a_spreadsheet_would_change(import_db: Database, tmp_path: Path) -> None:
    kept = ("00123", "1.23457E+12", "+1", "-1", '=HYPERLINK("x")')
    conn = import_db.owner()
    run(conn, [SHIRT | {"size": str(n), "sku": sku} for n, sku in enumerate(kept)])
    assert {row[3] for row in variants(conn)} == set(kept)
    path = write(tmp_path / "a.csv", ["name", "sku", "price"], [("A", sku, "x") for sku in kept])
    failed = tmp_path / "failed.csv"
    imported(import_db, path, "--failed", failed, code=1)
    with failed.open(encoding="utf-8-sig", newline="") as file:
        shown = [row["sku"] for row in csv.DictReader(file)]
    assert shown == ["00123", "1.23457E+12", "'+1", "'-1", '\'=HYPERLINK("x")']


def test_09_prices(import_db: Database) -> None:
    conn = import_db.owner()
    good = ("12.50", " 7 ", "-0", "+1", ".5", "1.500", "")
    bad = ("₹54,999", "12,50", "$12.50", "1e3", "NaN", "Infinity", "null", "1.005", "99999999999")
    done = run(conn, [SHIRT | {"size": str(n), "price": p} for n, p in enumerate(good + bad)])
    assert counts(conn, done) == Counts(inserted=len(good), failed=len(bad))
    assert {(field, code) for _, field, code, _ in failures(conn, done)} == {("price", "22P02")}
    assert one(conn, "select count(*) from item_variant where price = 'NaN'") == 0
    assert one(conn, "select count(*) from item_variant where price is null") == 1


def test_10_ragged_rows_and_a_quote_that_is_not_closed(import_db: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("name,color,price\nA,Red,1,extra\nB,Red\nC,Red,3\n")
    job = imported(import_db, path, code=1)
    assert figures(job) == {"inserted": 1, "failed": 2}
    conn = import_db.owner()
    assert {(row[0], row[1], int(row[4])) for row in variants(conn)} == {("C", "Red", 3)}
    with path.open("w") as file:
        file.write('name,color,price\nItem 0,"Red,1\n')
        file.writelines(f"Item {n},Red,1\n" for n in range(1, 3000))
    job = imported(import_db, path, code=1)
    assert figures(job) == {"inserted": 2999, "failed": 1}
    line = "select line_no from tandem.import_failed_rows where import_id = %s"
    assert one(conn, line, job["import_id"]) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfname,color\nA,Red\n",
        b"name,color\rA,Red\r",
        b"name,color\r\nA,Red\n\r\n",
        b"name;color\nA;Red\n",
        b"name\tcolor\nA\tRed\n",
        b" name , color \nA,Red\n",
        b"name,color\nA,Red\n\n",
    ],
)
def test_11_forms_of_a_file(import_db: Database, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert figures(imported(import_db, path)) == {"inserted": 1}
    assert {row[:2] for row in variants(import_db.owner())} == {("A", "Red")}


def test_11_a_quoted_line_break_and_a_name_twice(import_db: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'name,description\nA,"two\nlines"\nB,x\n')
    assert figures(imported(import_db, path)) == {"inserted": 2}
    assert one(import_db.owner(), "select description from item_master where name = 'A'") == (
        "two\nlines"
    )
    for header in (b"name,color,color", b"name, color,COLOR"):
        path.write_bytes(header + b"\nC,Red,Blue\n")
        assert import_file(import_db, path).code == 2
    assert one(import_db.owner(), "select count(*) from item_master") == 2
    # what is written as the field is wins over what is only like it
    path.write_bytes(b"name,color, color\nC,Red,Blue\n")
    assert figures(imported(import_db, path)) == {"inserted": 1}
    assert {row[1] for row in variants(import_db.owner())} == {"Red"}


def test_12_names_for_nothing(import_db: Database, tmp_path: Path) -> None:
    nothing = ("", "   ", "NULL", "\\N", "N/A")
    path = write(tmp_path / "a.csv", ["name", "price"], [(name, 1) for name in nothing])
    job = imported(import_db, path, code=1)
    assert figures(job) == {"failed": 5}
    said = [text for *_, text in failures(import_db.owner(), job["import_id"])]
    assert len(set(said)) == 5, said


@pytest.mark.parametrize("rule", ["revive", "create", "error"])
def test_13_live_and_deleted_rows(import_db: Database, rule: str) -> None:
    conn = import_db.owner()
    conn.execute(
        "insert into item_master (name, deleted_at) values ('Live', null), ('Gone', now()),"
        " ('Both', now()), ('Both', null), ('Both', now() - interval '1 day')"
    )
    rows = [{"name": name, "description": "x"} for name in ("Live", "Gone", "Both")]
    expected = {
        "revive": Counts(updated=3),
        "create": Counts(inserted=1, updated=2),
        "error": Counts(updated=2, failed=1),
    }
    assert counts(conn, run(conn, rows, deleted=rule)) == expected[rule]
    there = "select item_id from item_master where description = 'x' order by 1"
    found = [row[0] for row in conn.execute(there).fetchall()]
    assert found == {"revive": [1, 2, 4], "create": [1, 4, 6], "error": [1, 4]}[rule]


def test_14_a_variant_without_a_size_and_one_whose_colour_fails(import_db: Database) -> None:
    """A row is item, colour and variant in one: where one of them fails, none of it is written."""
    conn = import_db.owner()
    bare = {"name": "Shirt", "color": "Red", "size": None}
    assert counts(conn, run(conn, [bare, bare])) == Counts(inserted=1, superseded=1)
    assert counts(conn, run(conn, [bare])) == Counts(unchanged=1)
    done = run(conn, [{"name": "Hat", "color": "x" * 3000}, {"name": "NULL", "color": "Green"}])
    assert counts(conn, done) == Counts(failed=2)
    assert names(conn, "item_master", "name") == ["Shirt"]
    assert names(conn, "color_master", "color_name") == ["Red"]


@pytest.mark.parametrize("bad", [0, 20])
@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001])
def test_18_sizes(import_db: Database, size: int, bad: int) -> None:
    conn = import_db.owner()
    bad = min(bad, size)
    rows = [{"name": f"I {n}", "price": "x" if n < bad else "1"} for n in range(size)]
    done = run(conn, rows, header=["name", "price"])
    assert (state(conn, done), counts(conn, done)) == (
        "done",
        Counts(inserted=size - bad, failed=bad),
    )


def test_18_all_bad_and_exactly_five_percent(import_db: Database, tmp_path: Path) -> None:
    for name, bad, code in (("a", 20, "dead"), ("b", 1, "done"), ("c", 2, "dead")):
        rows = [(f"{name} {n}", "x" if n < bad else 1) for n in range(20)]
        path = write(tmp_path / f"{name}.csv", ["name", "price"], rows)
        job = imported(import_db, path, "--max-failed-percent", "5", code=1)
        assert job["state"] == code
    everything = write(tmp_path / "d.csv", ["name", "price"], [("A", "x"), ("B", "y")])
    assert figures(imported(import_db, everything, code=1)) == {"failed": 2}


def test_19_the_same_file_again(import_db: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["name", "price"], [(f"I {n}", n) for n in range(9)])
    conn = import_db.owner()
    first = imported(import_db, path)
    before = written(conn)
    assert imported(import_db, path)["import_id"] == first["import_id"]
    assert figures(imported(import_db, path, "--again")) == {"unchanged": 9}
    assert written(conn) == before
    # sent again after a time-out, and by another session before the first has committed
    rows, other = json.dumps([SHIRT]), import_db.owner()
    sent = "select tandem.submit_import('items', %s)"
    assert one(conn, sent, rows) == one(other, sent, rows)


def test_20_triggers_constraints_and_a_hot_row(import_db: Database) -> None:
    conn, holder = import_db.owner(), import_db.owner()
    run(conn, [SHIRT | {"price": "1"}])
    conn.execute(
        """
        create function judge() returns trigger language plpgsql as $$
        begin
            if new.quantity = 13 then raise exception 'thirteen'; end if;
            return case when new.quantity = 14 then null else new end;
        end $$;
        create trigger judge before insert on item_variant for each row execute function judge();
        create function late() returns trigger language plpgsql as $$
        begin
            if new.quantity = 15 then raise exception 'fifteen'; end if;
            return null;
        end $$;
        create constraint trigger late after insert on item_variant deferrable initially deferred
        for each row execute function late();
        """
    )
    rows = [{"name": "Hat", "size": str(n), "quantity": str(n)} for n in range(10, 20)]
    done = run(conn, rows)
    assert counts(conn, done) == Counts(inserted=7, failed=2, suppressed=1)
    assert [text for *_, text in failures(conn, done)] == ["thirteen", "fifteen"]
    # a row that stays locked is no fault of its own: the import waits its turn, then goes on
    conn.execute("update tandem.setting set value = '20' where name = 'batch_lock_timeout'")
    conn.execute("update tandem.setting set value = '3' where name = 'batch_attempts'")
    hot = submit(conn, [SHIRT | {"price": "2"}, {"name": "Cap"}])
    holder.execute("begin; update item_variant set sku = 'held' where price = 1")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        conn.execute("call tandem.run_import(%s)", (hot,))
    assert (state(conn, hot), failures(conn, hot)) == ("queued", [])
    holder.rollback()
    conn.execute("call tandem.run_import(%s)", (hot,))
    assert counts(conn, hot) == Counts(inserted=1, updated=1)


def test_20_the_time_is_over_in_the_last_batch_but_one(import_db: Database) -> None:
    """The deadline of 600 s, come early: 48 of 50 batches stay, and the import goes on."""
    conn = import_db.owner()
    rows = [{"name": f"I {n}", "price": "1"} for n in range(100)]
    import_id = submit(conn, rows, batch_rows=2, timeout_seconds=600)
    conn.execute("call tandem.run_import(%s, p_max_batches => 48)", (import_id,))
    conn.execute(
        """
        create function nap() returns trigger language plpgsql as $$
        begin perform pg_catalog.pg_sleep(1.1); return null; end $$;
        create trigger nap after insert on item_variant
        for each statement execute function nap();
        """
    )
    before = one(conn, "select next_row from tandem.import_job")
    conn.execute("update tandem.import_job set timeout_seconds = 1")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("call tandem.run_import(%s)", (import_id,))
    assert (caught.value.sqlstate, state(conn, import_id)) == ("TD061", "dead")
    assert (
        one(conn, "select next_row from tandem.import_job") == before + 2 == len(variants(conn)) + 1
    )
    conn.execute("drop trigger nap on item_variant")
    conn.execute("call tandem.run_import(%s)", (import_id,))
    assert counts(conn, import_id) == Counts(inserted=100)
