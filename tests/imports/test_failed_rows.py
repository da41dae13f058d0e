"""What an import kept back: grouped by what to repair, and as a file that is corrected and sent in
again."""

from __future__ import annotations

import csv
import tempfile
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imports.files import figures, import_file, imported, read, real, write
from imports.jobs import run, variants
from pgtandem.importing import escaped, failed_header, unescaped
from pgtandem.records import Record, open_records
from support.cli import pgtandem
from support.databases import Connection, Database
from support.shop import one

TROUBLE = (
    "-1", "+1", "=HYPERLINK(\"x\")", "@x", "\tx", "\rx", "'-1", "''=x", "'", "''", "'a", "a", "",
    "00123", "1.23457E+12", "'=", "'''+1", "say \"=x\"", "=1\n=2", " -1", "\\N", "NULL",
)  # fmt: skip


def export(db: Database, import_id: int, path: Path) -> list[dict[str, str]]:
    done = pgtandem("import", "failed", str(import_id), "-o", path, dsn=db.owner_dsn)
    assert done.code == 0, done.err
    return read(path)


def correct(path: Path, price: str = "1") -> None:
    """What somebody does who repairs the price of each row in a spreadsheet."""
    rows = read(path)
    write(
        path, list(rows[0]), [list((row | {"price": price}).values()) for row in rows], "utf-8-sig"
    )


def skus(conn: Connection) -> set[str | None]:
    return {row[3] for row in variants(conn)}


@pytest.mark.parametrize("value", TROUBLE)
def test_a_cell_is_the_same_after_it_was_escaped(value: str) -> None:
    assert unescaped(escaped(value)) == value
    assert not escaped(value).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1)
)
def test_cells_are_the_same_after_they_were_in_a_file(values: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cells = [[escaped(value), "x"] for value in values]
        path = write(Path(folder) / "a.csv", ["a", "b"], cells, "utf-8-sig")
        with open_records(path) as file:
            found = [record for record in file.records() if isinstance(record, Record)]
    assert [unescaped(str(record.values[0])) for record in found] == values


def test_a_file_of_failed_rows_is_utf8_whatever_its_input_was(
    import_db: Database, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", ["sku", "name", "price"], [("1", "Crème", "x")], "cp1252")
    failed = tmp_path / "failed.csv"
    imported(import_db, path, "--encoding", "cp1252", "--failed", failed, code=1)
    correct(failed)
    imported(import_db, failed, "--encoding", "cp1252")
    assert {row[0] for row in variants(import_db.owner())} == {"Crème"}
    refused = import_file(import_db, failed, "--failed", failed)
    assert (refused.code, "write over" in refused.err) == (2, True)


def test_failed_rows_are_corrected_and_sent_in_again(import_db: Database, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        ["name", "size", "Price", "sku"],
        [(f"Item {n}", value, "x", value) for n, value in enumerate(TROUBLE)] + [("Ok", "", 1, "")],
    )
    failed = tmp_path / "failed.csv"
    job = imported(import_db, path, "--failed", failed, code=1)
    assert figures(job) == {"inserted": 1, "failed": len(TROUBLE)}
    assert job["failed_file"] == str(failed)
    rows = read(failed)
    assert list(rows[0]) == ["name", "size", "Price", "sku", *failed_header(["name"])]
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
    assert rows[0]["import_code"] == "22P02"
    assert rows[0]["import_line"] == "2"
    assert rows[0]["import_column"] == "price"
    assert "is no number" in rows[0]["import_message"]
    assert rows[0]["import_hint"] and not rows[0]["import_record"]
    # as it is: the same rows fail, and come out the same
    once_more = tmp_path / "again.csv"
    same = imported(import_db, failed, "--failed", once_more, code=1)
    assert figures(same) == {"failed": len(TROUBLE)}
    plain = [{k: v for k, v in row.items() if k != "import_line"} for row in rows]
    assert [{k: v for k, v in r.items() if k != "import_line"} for r in read(once_more)] == plain
    # corrected: exactly the rows that were missing
    write(
        once_more, list(rows[0]), [list((r | {"Price": "1"}).values()) for r in rows], "utf-8-sig"
    )
    assert figures(imported(import_db, once_more)) == {"inserted": len(TROUBLE)}
    conn = import_db.owner()
    assert skus(conn) == {value or None for value in TROUBLE}
    # the original, had it been right, changes nothing now
    write(path, ["name", "size", "Price", "sku"], [
        (f"Item {n}", value, "1", value) for n, value in enumerate(TROUBLE)
    ])  # fmt: skip
    assert figures(imported(import_db, path)) == {"unchanged": len(TROUBLE)}


def test_a_record_that_could_not_be_read_is_in_the_file(
    import_db: Database, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"name,price\nA,1,2,3\nB\nC,1\nD\xe9,1\n")
    failed = tmp_path / "failed.csv"
    job = imported(import_db, path, "--failed", failed, code=1)
    assert figures(job) == {"inserted": 1, "failed": 3}
    rows = read(failed)
    assert [(r["name"], r["price"], r["import_record"]) for r in rows] == [
        ("", "", "A,1,2,3"),
        ("", "", "B"),
        ("", "", "D\\xe9,1"),
    ]
    # whose values stand where is for a person to say: nothing of it gets in as it is
    assert figures(imported(import_db, failed, code=1)) == {"failed": 3}
    for row, name in zip(rows, "ABD", strict=True):
        row |= {"name": name, "price": "5"}
    write(failed, list(rows[0]), [list(row.values()) for row in rows])
    assert figures(imported(import_db, failed)) == {"inserted": 3}


def test_names_of_ours_that_the_input_has_itself(import_db: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["name", "price", "Import_Code"], [("A", "x", "=1")])
    failed = tmp_path / "failed.csv"
    imported(import_db, path, "--failed", failed, code=1)
    with failed.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file))
    assert header[2:5] == ["Import_Code", "import_import_line", "import_import_column"]
    correct(failed)
    imported(import_db, failed, "--field", "sku=Import_Code")
    assert skus(import_db.owner()) == {"=1"}


def test_columns_of_ours_are_known_in_any_order(import_db: Database, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        ["import_code", "sku", "name", "import_line"],
        [("22P02", "'-1", "'=A", "7")],
    )
    imported(import_db, path)
    conn = import_db.owner()
    assert (skus(conn), one(conn, "select name from item_master")) == ({"-1"}, "=A")
    assert one(conn, "select header from tandem.import_job") == ["sku", "name"]
    # without them a cell is what it says
    write(path, ["sku", "name"], [("'-1", "'=A")])
    imported(import_db, path)
    assert skus(conn) == {"-1", "'-1"}


def test_nothing_failed(import_db: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["name"], [("A",)])
    job = imported(import_db, path, "--failed", tmp_path / "failed.csv")
    assert job["failed_file"] is None
    assert not (tmp_path / "failed.csv").exists()
    assert export(import_db, job["import_id"], tmp_path / "failed.csv") == []


def test_failed_rows_of_json_lines(import_db: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"name": "A", "price": "x"}\n{"name": "B", "sku": null, "price": "y"}\nz\n')
    failed = tmp_path / "failed.csv"
    imported(import_db, path, "--failed", failed, code=1)
    rows = read(failed)
    assert [(r["name"], r["price"], r["sku"], r["import_record"]) for r in rows] == [
        ("A", "x", "", ""),
        ("B", "y", "", ""),
        ("", "", "", "z"),
    ]


def test_rows_of_a_real_file_that_failed_are_exactly_those_that_were_missing(
    import_db: Database, tmp_path: Path
) -> None:
    path = real("products", "smartphones_rupee.csv")
    options = ("--field", "name=model")
    failed = tmp_path / "failed.csv"
    job = imported(import_db, path, *options, "--failed", failed, code=1)
    assert figures(job) == {"failed": 1020}  # each price has a currency
    assert [r["column"] for r in job["repairs"]] == ["price"]
    rows = read(failed)
    for row in rows:
        row["price"] = row["price"].removeprefix("₹").replace(",", "")
    write(failed, list(rows[0]), [list(row.values()) for row in rows])
    job = imported(import_db, failed, *options)
    assert job["failed"] == 0
    assert job["inserted"] + job["superseded"] == 1020


def test_a_file_that_cannot_be_written(import_db: Database, tmp_path: Path) -> None:
    job = imported(import_db, write(tmp_path / "a.csv", ["name"], [("",)]), code=1)
    target = tmp_path / "none" / "x.csv"
    done = pgtandem(
        "import", "failed", str(job["import_id"]), "-o", target, dsn=import_db.owner_dsn
    )
    assert (done.code, "cannot be written" in done.err) == (2, True)


REPAIRS = (
    (
        "price",
        "price: 'it''s; x' is no number that fits numeric(12,2); sku:  E'a\\\\''b' is longer than"
        " 5 characters",
        [
            "price: is no number that fits numeric(12,2)",
            "sku: is longer than 5 characters",
        ],
    ),
    ("name", "name: it has 2705 bytes, at most 2600 fit the unique index",
     ["name: it has # bytes, at most 2600 fit the unique index"]),
    ("color", "color: row 5 says otherwise; size: row 15 says otherwise",
     ["color: row # says otherwise", "size: row # says otherwise"]),
    (None, "row 5 has the same key", ["row # has the same key"]),
    (None, "It has 5 fields, the header has 3. Quote it.",
     ["It has # fields, the header has #. Quote it."]),
    (None, "Field 2 has a byte 0xe9, which is no text", ["Field # has a byte #, which is no text"]),
    (None, "item 13 doesn't fit 'x'; won't do", ["item # doesn't fit; won't do"]),
    (None, 'value too long for "v2_key" numeric(12,2)',
     ['value too long for "v2_key" numeric(12,2)']),
)  # fmt: skip


@pytest.mark.parametrize(("column", "message", "repairs"), REPAIRS)
def test_what_is_to_be_repaired_does_not_name_the_value(
    import_db: Database, column: str | None, message: str, repairs: list[str]
) -> None:
    conn = import_db.owner()
    assert one(conn, "select tandem._repairs_of(%s, %s)", column, message) == repairs


def test_a_row_with_two_faults_is_in_both_groups(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [{"name": "A", "price": "x", "quantity": "y"}, {"name": "B", "price": "z"}, {}, 5])
    repairs = "select column_name, rows from tandem.import_repairs order by rows desc, repair"
    assert conn.execute(repairs.encode()).fetchall() == [
        ("price", 2),
        (None, 1),
        ("name", 1),
        ("quantity", 1),
    ]
    rows = conn.execute(
        "select row_no, repair, content, record from tandem.import_failed_rows order by row_no"
    ).fetchall()
    assert rows[1] == (
        2,
        "price: is no number that fits numeric(12,2)",
        ["B", "z", None],
        {"name": "B", "price": "z", "quantity": None},
    )
    assert rows[3][2:] == (["5"], None)


def test_a_row_a_change_with_what_differs(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [{"name": "A", "size": "M", "price": "1", "sku": "S"}])
    run(conn, [{"name": "A", "size": "M", "price": "2", "sku": "S"}])
    conn.execute("update item_variant set deleted_at = '2024-01-01Z'")
    run(conn, [{"name": "A", "size": "M", "price": "2", "sku": "S"}])
    rows = conn.execute(
        "select import_id, action, before is null, changed from tandem.import_changes"
        " where table_name = 'item_variant' order by import_id"
    ).fetchall()
    assert [row[:3] for row in rows] == [(1, "insert", True), (2, "update", False),
                                         (3, "revive", False)]  # fmt: skip
    assert rows[0][3] == {
        "item_id": [None, 1], "size_id": [None, 1], "price": [None, 1.0], "sku": [None, "S"],
    }  # fmt: skip
    assert rows[1][3] == {"price": [1.0, 2.0]}
    assert list(rows[2][3]) == ["deleted_at"] and rows[2][3]["deleted_at"][1] is None
    assert {row[4] for row in variants(conn)} == {Decimal(2)}


def test_failed_rows_are_settled_by_who_knows(import_db: Database) -> None:
    conn = import_db.owner()
    first, second = (run(conn, [{"name": ""}, {"name": name}]) for name in ("A", "B"))
    metric = "select value from tandem.metrics where metric = 'tandem_rejected_rows'"
    settled = pgtandem("import", "settle", str(first), "--note", "by hand", dsn=import_db.owner_dsn)
    assert (settled.code, settled.err.strip()) == (0, "Failed rows of import 1 settled: 1.")
    assert one(conn, metric) == 1
    kept = "select settled_at is not null, settlement from tandem.import_failed_rows order by 1"
    assert conn.execute(kept).fetchall() == [(False, None), (True, "by hand")]
    still_open = "select import_id from tandem.import_repairs where open_rows > 0"
    assert conn.execute(still_open).fetchall() == [(second,)]
    assert one(conn, "select tandem.settle_failed_rows(1, 'again')") == 0
    assert conn.execute(kept).fetchall()[1] == (True, "by hand")
    for arguments, error in (("4711", "P0002"), ("2, null", "22004"), ("2, ' '", "22004")):
        with pytest.raises(psycopg.Error) as caught:
            conn.execute(f"select tandem.settle_failed_rows({arguments})".encode())
        assert caught.value.sqlstate == error and caught.value.diag.message_hint
