"""What an import wrote, taken back: all that nobody has touched since, and the rest is listed."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from imports.jobs import names, run, submit, variants
from support.databases import Database
from support.shop import Connection, one

SHIRT = {"name": "Shirt", "color": "Red", "size": "M", "price": "12.50", "description": "soft"}


def tables(conn: Connection) -> list[object]:
    """All rows of the four tables, without what is deleted."""
    return [
        conn.execute(f"select * from {table} order by 1".encode()).fetchall()
        for table in ("item_master", "color_master", "size_master", "item_variant")
    ]


def outcomes(conn: Connection) -> list[tuple[object, ...]]:
    """How many changes of each table had which outcome."""
    return conn.execute(
        "select table_name, outcome, why, count(*) from tandem.import_undone"
        " group by 1, 2, 3 order by 1, 2, 3"
    ).fetchall()


def test_all_that_an_import_wrote_is_taken_back(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [SHIRT, {"name": "Hat"}])
    conn.execute("update item_variant set deleted_at = '2024-01-01' where price is null")
    before = tables(conn)
    rows = [SHIRT | {"price": "1", "description": "hard"}, {"name": "Hat", "price": "5"}]
    rows += [SHIRT | {"size": str(n), "name": f"New {n % 5}"} for n in range(40)]
    import_id = run(conn, rows, batch_rows=7)
    assert tables(conn) != before
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert tables(conn) == before
    assert {outcome for _, outcome, _, _ in outcomes(conn)} == {"reversed"}
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert tables(conn) == before


def test_what_was_edited_since_or_is_needed_is_kept_and_listed(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [SHIRT])
    rows = [SHIRT | {"price": "1"}, SHIRT | {"size": "L"}, {"name": "Hat", "color": "Blue"}]
    import_id = run(conn, rows)
    conn.execute("update item_variant set price = 2 where price = 1")
    conn.execute("delete from item_variant where size_id = 2")
    conn.execute(
        "create table orders (item bigint references item_master);"
        " insert into orders select item_id from item_master where name = 'Hat'"
    )
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert outcomes(conn) == [
        ("color_master", "reversed", None, 1),
        ("item_master", "kept", "a row of public.orders needs it", 1),
        ("item_variant", "kept", "it is not there any more", 1),
        ("item_variant", "kept", "it was edited since", 1),
        ("item_variant", "reversed", None, 1),
        ("size_master", "reversed", None, 1),
    ]
    assert names(conn, "item_master", "name") == ["Hat", "Shirt"]
    assert {each[4] for each in variants(conn)} == {Decimal("2.00")}


def test_a_row_that_a_trigger_does_not_let_go_is_listed(import_db: Database) -> None:
    conn = import_db.owner()
    import_id = run(conn, [SHIRT, SHIRT | {"size": "L", "price": "13"}])
    conn.execute(
        """
        create function stay() returns trigger language plpgsql as $$
        begin
            if old.price = 13 then raise exception 'it stays'; end if;
            return old;
        end $$;
        create trigger stay before delete on item_variant for each row execute function stay();
        """
    )
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert ("item_variant", "error", "it stays", 1) in outcomes(conn)
    assert ("item_variant", "reversed", None, 1) in outcomes(conn)
    assert len(variants(conn)) == 1


def test_only_what_has_ended_and_was_written_can_be_undone(import_db: Database) -> None:
    conn = import_db.owner()
    for import_id in (submit(conn, [SHIRT]), run(conn, [SHIRT], dry_run=True)):
        with pytest.raises(psycopg.Error) as caught:
            conn.execute("call tandem.undo_import(%s)", (import_id,))
        assert caught.value.sqlstate == "TD067"


@pytest.mark.parametrize("path", ["run_import", "run_import_locked"])
def test_what_other_imports_have_written_meanwhile_hinders_no_undo(
    import_db: Database, path: str
) -> None:
    conn = import_db.owner()
    conn.execute("alter table item_master add seen timestamptz")
    ids = []
    for description in ("soft", "warm", "dry"):
        ids.append(submit(conn, [{"name": "Shirt", "description": description}, {"name": "Hat"}]))
        conn.execute(f"call tandem.{path}({ids[-1]})".encode())
    for import_id in reversed(ids):
        conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert one(conn, "select count(*) from item_master") == 0


def test_a_row_that_was_written_since_is_kept_and_listed(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute("alter table item_master add seen timestamptz")
    import_id = run(conn, [{"name": "Shirt"}, {"name": "Hat"}])
    conn.execute("update item_master set seen = now() where name = 'Hat'")
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert one(conn, "select array_agg(name) from item_master") == ["Hat"]
    query = "select why from tandem.import_undone where outcome = 'kept'"
    assert one(conn, query) == "something else has written it since"
