"""The comparison of the two paths: both really run, neither is kept, what differs is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import sql

from imports.jobs import run, state, submit
from support.cli import pgtandem
from support.databases import Database, dump
from support.locks import wait_for_lock_wait, wait_until
from support.shop import Connection, in_background, one

SHIRT = {"name": "Shirt", "color": "Red", "size": "M", "sku": "S1", "price": "12.50"}
ROWS = [
    SHIRT | {"price": "99"},
    SHIRT | {"size": "L", "description": "soft"},
    SHIRT | {"size": "XL", "price": "x"},
    {"name": "Hat", "color": " red"},
    {"name": "Hat", "color": "RED", "quantity": "3"},
    {"name": ""},
]


class Check(NamedTuple):
    passed: bool | None
    old: str
    new: str
    detail: str | None


def compare(conn: Connection, rows: Sequence[Any], **options: object) -> dict[str, Check]:
    named = [
        sql.SQL(", {} => {}").format(sql.Identifier(f"p_{name}"), sql.Literal(value))
        for name, value in ({"allow_lock": True} | options).items()
    ]
    query = sql.SQL("select * from tandem.compare_import('items', {}{})").format(
        sql.Literal(json.dumps(rows)), sql.SQL("").join(named)
    )
    return {row[0]: Check(*row[1:]) for row in conn.execute(query).fetchall()}


def failed(checks: dict[str, Check]) -> dict[str, Check]:
    return {name: check for name, check in checks.items() if check.passed is False}


def test_it_is_refused_unless_it_may_lock(import_db: Database) -> None:
    with pytest.raises(psycopg.Error) as caught:
        compare(import_db.owner(), ROWS, allow_lock=False)
    assert caught.value.sqlstate == "TD082"
    assert caught.value.diag.message_detail and caught.value.diag.message_hint


@pytest.mark.parametrize("order", ["old first", "new first", "random"])
@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_both_do_the_same_and_neither_is_kept(
    import_db: Database, order: str, batch_rows: int
) -> None:
    conn = import_db.owner()
    run(conn, [SHIRT])
    conn.execute("update size_master set deleted_at = now()")
    before = dump(import_db, "--data-only", "--inserts")
    checks = compare(conn, ROWS, order=order, batch_rows=batch_rows)
    assert failed(checks) == {}
    assert checks["processed"][:3] == (True, "6", "6")
    assert checks["failed rows"][:3] == (True, "2", "2")
    assert checks["written to public.item_variant"][:3] == (True, "3", "3")
    assert checks["rows of public.item_variant"][1:3] == ("3", "3")
    assert checks["milliseconds"].passed is checks["WAL bytes"].passed is None
    assert int(checks["WAL bytes"].old) > 0 < float(checks["milliseconds"].new)
    lines = [
        [line for line in text.splitlines() if "setval" not in line]
        for text in (before, dump(import_db, "--data-only", "--inserts"))
    ]
    assert lines[0] == lines[1]
    locks = "select count(*) from pg_locks where mode = 'ShareRowExclusiveLock'"
    assert one(conn, locks) == 0


def test_what_differs_is_told(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function by_path() returns trigger language plpgsql as $$
        begin
            if exists (select from pg_locks where pid = pg_backend_pid()
                       and mode = 'ShareRowExclusiveLock') then
                if new.quantity = 13 then raise exception 'not here'; end if;
                new.price := new.price + 1;
                if new.quantity = 5 then
                    delete from public.color_master where color_name = 'Green';
                end if;
            end if;
            return new;
        end $$;
        create trigger by_path before insert on item_variant
        for each row execute function by_path();
        insert into color_master (color_name) values ('Green');
        """
    )
    rows = [SHIRT | {"size": str(n), "quantity": str(n)} for n in (5, 13, 20)]
    checks = compare(conn, rows)
    assert set(failed(checks)) == {
        "failed",
        "failed rows",
        "inserted",
        "rows of public.color_master",
        "rows of public.item_variant",
        "rows of public.size_master",
        "written to public.item_variant",
        "written to public.size_master",
    }
    assert checks["failed rows"].detail == "row 2: old P0001, new written"
    detail = checks["written to public.item_variant"].detail
    assert detail is not None and detail.count("only new") == 3 and detail.count("only old") == 2
    assert '"price": 13.50' in detail and '"color": "Red"' in detail
    assert "_id" not in detail


def test_ids_times_and_generated_values_are_no_difference(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        "alter table item_variant add column updated_at timestamptz default clock_timestamp(),"
        " add column token uuid default gen_random_uuid(), add column note text default 'n'"
    )
    assert failed(compare(conn, ROWS)) == {}


def test_rows_of_others_are_none_of_ours(import_db: Database) -> None:
    conn, other = import_db.owner(), import_db.owner()
    conn.autocommit = False
    compare(conn, ROWS)
    other.execute("insert into item_master (name) values ('theirs')")
    checks = compare(conn, ROWS)
    assert failed(checks) == {}
    assert checks["written to public.item_master"].old == "2"
    assert checks["rows of public.item_master"].old == "3"


def test_in_repeatable_read_both_begin_from_one_snapshot(import_db: Database) -> None:
    conn, other = import_db.owner(), import_db.owner()
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    conn.autocommit = False
    conn.execute("select count(*) from item_master")
    other.execute("insert into item_master (name) values ('theirs')")
    checks = compare(conn, ROWS)
    assert failed(checks) == {}
    assert checks["rows of public.item_master"].old == "2"


def test_others_see_which_path_is_on(import_db: Database) -> None:
    conn, other, watcher = import_db.owner(), import_db.owner(), import_db.owner()
    pid = conn.info.backend_pid
    phase = "select application_name from pg_stat_activity where pid = %s"
    other.autocommit = False
    other.execute("lock table item_variant in row exclusive mode")

    def work() -> None:
        compare(conn, ROWS, order="new first")

    with in_background(conn, work) as done:
        wait_for_lock_wait(watcher, pid)  # the new one has run: nobody is in its way
        assert one(watcher, phase, pid) == "pgtandem compare old"
        other.rollback()
        done.result(30)
    wait_until(lambda: "compare" not in one(watcher, phase, pid), "the name is as it was")


def test_a_file_that_may_not_be_imported_at_all_is_refused(import_db: Database) -> None:
    conn = import_db.owner()
    for options, code in (
        ({"order": "both"}, "22023"),
        ({"header": ["title"]}, "TD066"),
        ({"batch_rows": 0}, "22023"),
    ):
        with pytest.raises(psycopg.Error) as caught:
            compare(conn, ROWS, **options)
        assert caught.value.sqlstate == code


def test_an_operator_may_compare_but_not_take_back_what_was_handed_in(import_db: Database) -> None:
    conn, other = import_db.owner(), import_db.new_app()
    conn.execute("select tandem.grant_to('new_app', 'operator')")
    assert failed(compare(other, ROWS)) == {}
    import_id = submit(conn, ROWS)
    with pytest.raises(psycopg.Error) as caught:
        other.execute("select tandem._compare_import(%s, 'random')", (import_id,))
    assert caught.value.sqlstate == "22023"
    other.execute("call tandem.run_import_locked(%s)", (import_id,))
    assert state(conn, import_id) == "done"
    for statement in (
        "select tandem.set_import_flag('items', 'true')",
        "select tandem.retire_import('items')",
        "update tandem.import_flag set value = 'true'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute(statement.encode())


# --- the command ----------------------------------------------------------------------------------


def test_a_file_is_compared_and_the_waits_of_others_are_measured(
    import_db: Database, tmp_path: Path
) -> None:
    conn = import_db.owner()
    file = tmp_path / "items.csv"
    lines = [f"Item {n % 400},Color {n % 7},{n},{n / 100:.2f}" for n in range(4000)]
    file.write_text("\n".join(["Name,Color,Size,Price", *lines, "Ragged,1", "Hat,,,x"]) + "\n")
    refused = pgtandem("import", "compare", "items", file, dsn=import_db.owner_dsn)
    assert (refused.code, "[TD082]" in refused.err) == (1, True)
    done = pgtandem(
        "import", "compare", "items", file, "--allow-lock", "--json", dsn=import_db.owner_dsn
    )
    told = done.json()
    assert done.code == 0, done.err
    checks = {check["check_name"]: check for check in told["checks"]}
    assert (checks["processed"]["old"], checks["failed"]["new"]) == ("4002", "2")
    assert told["not_measured"] == []
    old, new = told["waits"]
    assert (old["path"], new["path"]) == ("old", "new")
    # under the old path a writer waits for the import; under the new one it goes on
    assert old["longest_ms"] >= 0.5 * float(checks["milliseconds"]["old"])
    assert old["blocked"] >= 1
    assert new["writes"] > old["writes"]
    assert new["total_ms"] <= old["total_ms"] / 2
    tables = "select (select count(*) from item_master) + (select count(*) from item_variant)"
    assert one(conn, tables) == 0


def test_a_file_under_other_names_and_a_table_with_a_short_key(
    import_db: Database, tmp_path: Path
) -> None:
    import_db.owner().execute("alter table size_master alter size_name type varchar(4)")
    file = tmp_path / "items.csv"
    file.write_text("Title;Size;Cost\nShirt;M;12.50\nHat;L;9\n")
    done = pgtandem(
        *("import", "compare", "items", file, "--allow-lock", "--json"),
        *("--field", "name=Title", "--field", "price=Cost"),
        dsn=import_db.owner_dsn,
    )
    told = done.json()
    assert done.code == 0, done.err
    checks = {check["check_name"]: check for check in told["checks"]}
    assert (checks["inserted"]["old"], checks["failed"]["old"]) == ("2", "0")
    assert told["not_measured"] == []


def test_the_command_exits_with_1_where_the_paths_differ(
    import_db: Database, tmp_path: Path
) -> None:
    import_db.owner().execute(
        """
        create function by_path() returns trigger language plpgsql as $$
        begin
            new.description := current_setting('application_name');
            return new;
        end $$;
        create trigger by_path before insert on item_master
        for each row execute function by_path();
        """
    )
    file = tmp_path / "items.jsonl"
    file.write_text('{"name": "Shirt", "color": "Red"}\n')
    done = pgtandem("import", "compare", "items", file, "--allow-lock", dsn=import_db.owner_dsn)
    assert (done.code, "written to public.item_master" in done.err) == (1, True)
    assert "longest wait" in done.out
