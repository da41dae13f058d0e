"""The old path: it locks whole tables, and leaves what the new one leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from imports.jobs import Counts, Row, counts, failures, run, state, submit, variants
from support.databases import Database
from support.locks import wait_for_lock_wait
from support.shop import Connection, in_background, one

SHIRT = {"name": "Shirt", "color": "Red", "size": "M", "sku": "S1", "price": "12.50"}
TABLES = ("color_master", "size_master", "item_master", "item_variant")


def run_old(conn: Connection, rows: Sequence[Any], **options: object) -> int:
    """Submit rows and do the import by the old path; its id."""
    import_id = submit(conn, rows, **options)
    conn.execute("call tandem.run_import_locked(%s)", (import_id,))
    return import_id


def everything(conn: Connection) -> list[list[tuple[Any, ...]]]:
    """All rows of all tables by their names, deleted or not; no ids, no times."""
    queries = (
        "select color_name, deleted_at is null from color_master",
        "select size_name, deleted_at is null from size_master",
        "select name, description, deleted_at is null from item_master",
        """
        select i.name, i.deleted_at is null, c.color_name, c.deleted_at is null, s.size_name,
            s.deleted_at is null, v.sku, v.price, v.quantity, v.deleted_at is null
        from item_variant as v join item_master as i using (item_id)
        left join color_master as c using (color_id) left join size_master as s using (size_id)
        """,
    )
    return [sorted(conn.execute(query.encode()).fetchall(), key=repr) for query in queries]


def test_an_import_of_the_old_path_is_counted_as_any_other(import_db: Database) -> None:
    conn = import_db.owner()
    rows = [SHIRT, SHIRT | {"size": "L", "price": "x"}, SHIRT, {"name": "Hat", "color": " red"}]
    done = run_old(conn, rows)
    assert counts(conn, done) == Counts(inserted=2, superseded=1, failed=1)
    assert state(conn, done) == "done"
    assert {v[:3] for v in variants(conn)} == {("Shirt", "Red", "M"), ("Hat", "Red", None)}
    assert counts(conn, run_old(conn, [SHIRT])) == Counts(unchanged=1)
    assert counts(conn, run_old(conn, [SHIRT | {"price": "13"}])) == Counts(updated=1)
    images = one(conn, "select images from tandem.import_change where action = 'update' limit 1")
    (_, before, after) = images[0]
    assert (before["price"], after["price"]) == (12.5, 13)


def test_a_dry_run_of_the_old_path_writes_nothing(import_db: Database) -> None:
    conn = import_db.owner()
    rows = [SHIRT, SHIRT | {"size": "L"}]
    dry = run_old(conn, rows, dry_run=True)
    assert everything(conn) == [[], [], [], []]
    real = run_old(conn, rows)
    assert counts(conn, dry) == counts(conn, real) == Counts(inserted=2)
    changes = (
        "select from_row, table_name, action from tandem.import_change where import_id = %s"
        " order by 1, 2, 3"
    )
    assert conn.execute(changes, (dry,)).fetchall() == conn.execute(changes, (real,)).fetchall()


def test_a_row_that_a_trigger_refuses_or_swallows_is_found_alone(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function unlucky() returns trigger language plpgsql as $$
        begin
            if new.quantity = 13 then raise exception 'thirteen' using hint = 'take twelve'; end if;
            return case when new.quantity = 14 then null else new end;
        end $$;
        create trigger unlucky before insert or update on item_variant
        for each row execute function unlucky();
        """
    )
    rows = [SHIRT | {"size": str(n), "quantity": str(n)} for n in range(10, 20)]
    old = run_old(conn, rows)
    assert counts(conn, old) == Counts(inserted=8, suppressed=1, failed=1)
    assert failures(conn, old) == [(4, None, "P0001", "thirteen")]
    # the row is taken back whole: nobody else names this size
    assert one(conn, "select count(*) from size_master where size_name = '13'") == 0


def test_a_constraint_that_is_deferred_is_a_row_s_fault(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function has_variant() returns trigger language plpgsql as $$
        begin
            if not exists (select from public.item_variant v where v.item_id = new.item_id) then
                raise exception 'bare';
            end if;
            return null;
        end $$;
        create constraint trigger "Has Variant" after insert on item_master
        deferrable initially deferred for each row execute function has_variant();
        create function swallow() returns trigger language plpgsql as
        $$ begin return case when new.quantity = 13 then null else new end; end $$;
        create trigger swallow before insert on item_variant
        for each row execute function swallow();
        """
    )
    rows = [{"name": f"I{n}", "size": "M", "quantity": str(n)} for n in range(11, 16)]
    old = run_old(conn, rows)
    assert counts(conn, old) == Counts(inserted=4, failed=1)
    assert failures(conn, old) == [(3, None, "P0001", "bare")]


def test_what_is_no_row_s_fault_ends_the_import_and_leaves_nothing(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function full_disk() returns trigger language plpgsql as
        $$ begin
            if new.quantity = 5 then raise exception 'full' using errcode = '53100'; end if;
            return new;
        end $$;
        create trigger full_disk before insert on item_variant
        for each row execute function full_disk();
        """
    )
    with pytest.raises(psycopg.Error) as caught:
        run_old(conn, [SHIRT | {"size": str(n), "quantity": str(n)} for n in range(10)])
    assert caught.value.sqlstate == "53100"
    assert everything(conn) == [[], [], [], []]
    assert one(conn, "select count(*) from tandem.rejected_row") == 0


def test_a_new_import_may_be_ended_by_the_old_path(import_db: Database) -> None:
    conn = import_db.owner()
    import_id = submit(conn, [SHIRT | {"size": str(n)} for n in range(6)], batch_rows=2)
    conn.execute("call tandem.run_import(%s, p_max_batches => 2)", (import_id,))
    conn.execute("call tandem.run_import_locked(%s)", (import_id,))
    assert (state(conn, import_id), counts(conn, import_id)) == ("done", Counts(inserted=6))
    assert one(conn, "select decided_by from tandem.import_job") == "by hand"


def test_what_the_old_path_wrote_is_undone_batch_by_batch(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [SHIRT | {"description": "soft"}, {"name": "Hat", "color": "Blue"}])
    conn.execute("update item_variant set deleted_at = now() where sku is null")
    conn.execute("update color_master set deleted_at = now() where color_name = 'Blue'")
    before = everything(conn)
    rows = [SHIRT | {"size": str(n), "color": "blue", "description": str(n)} for n in range(7)]
    done = run_old(conn, [SHIRT | {"price": "7", "description": "0"}, *rows], batch_rows=4)
    assert counts(conn, done) == Counts(inserted=7, updated=1)
    batches = "select array_agg(distinct from_row) from tandem.import_change where import_id = %s"
    assert one(conn, batches, done) == [1, 5]
    conn.execute("call tandem.undo_import(%s)", (done,))
    assert everything(conn) == before


# --- the laws -------------------------------------------------------------------------------------

SOME = {
    "name": st.sampled_from(["Shirt", "Shirt", "Shirt", "Hat", "Hat", "shirt", "", "N/A"]),
    "color": st.sampled_from([None, "", "Red", " RED", "Blue", "Bl\u200bue"]),
    "size": st.sampled_from([None, "S", "M"]),
    "description": st.sampled_from([None, "", "soft", "warm"]),
    "price": st.sampled_from([None, "", "1", "2.50", "3", "x"]),
    "quantity": st.sampled_from([None, "1", "2", "13"]),
}
WITHOUT_NAME = {name: values for name, values in SOME.items() if name != "name"}
ROWS = st.lists(
    st.fixed_dictionaries({"name": SOME["name"]}, optional=WITHOUT_NAME) | st.just(7), max_size=14
)
KILLS = st.sets(st.sampled_from(TABLES), max_size=3)
OPTIONS = st.fixed_dictionaries(
    {
        "duplicates": st.sampled_from(["first", "last", "error"]),
        "deleted": st.sampled_from(["revive", "create", "error"]),
        "empty": st.sampled_from(["keep", "clear"]),
    }
)


@pytest.mark.parametrize("refuses", [False, True], ids=["plain", "with a trigger"])
def test_both_paths_leave_the_same_and_count_the_same(import_db: Database, refuses: bool) -> None:
    """Whatever was there, whatever the rows: the same state, the same failed rows.

    How `updated` and `unchanged` divide is not the same: the new path counts a change of a master
    with the first row of the batch that names it.
    """
    conn = import_db.owner()
    if refuses:
        conn.execute(
            """
            create function unlucky() returns trigger language plpgsql as
            $$ begin
                if new.quantity = 13 then raise exception 'thirteen'; end if;
                return new;
            end $$;
            create trigger unlucky before insert or update on item_variant
            for each row execute function unlucky();
            """
        )

    def outcome(
        go: Callable[..., int],
        first: list[Row],
        kills: set[str],
        rows: list[Any],
        options: dict[str, str],
    ) -> Any:
        conn.execute("truncate item_variant, item_master, color_master, size_master")
        run(conn, first, header=list(SOME))
        for table in sorted(kills):
            conn.execute(f"update {table} set deleted_at = now()".encode())
        # deleted before them, and with a higher id
        conn.execute(
            "insert into item_master (name, description, deleted_at)"
            " values ('Shirt', 'first', now() - interval '1 day')"
        )
        done = go(conn, rows, header=list(SOME), **options)
        n = counts(conn, done)
        told = [(row, code) for row, _, code, _ in failures(conn, done)]
        return (
            everything(conn),
            told,
            state(conn, done),
            (n.inserted, n.updated + n.unchanged, n.superseded, n.failed, n.suppressed),
        )

    soft, warm = ({"name": "Shirt", "size": s, "description": d} for s, d in ("Ss", "Mw"))
    rules = {"duplicates": "first", "deleted": "revive", "empty": "keep"}

    @example([], set(), [soft, warm], rules)
    @example([soft], {"item_master"}, [{"name": "Shirt"}], rules)
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(ROWS, KILLS, ROWS, OPTIONS)
    def law(first: list[Any], kills: set[str], rows: list[Any], options: dict[str, str]) -> None:
        made = (first, kills, rows, options)
        assert outcome(run_old, *made) == outcome(run, *made)

    law()


# --- locks ----------------------------------------------------------------------------------------


def locks_of_a_run(database: Database, verb: str) -> set[tuple[str, str]]:
    """Table and mode of each lock that a run holds in the middle of its rows."""
    conn, other = database.owner(), database.owner()
    other.execute(
        """
        create function wait_here() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(4711); return new; end $$;
        create trigger wait_here before insert or update on item_variant
        for each row when (new.quantity = 5) execute function wait_here();
        """
    )
    run(other, [SHIRT])
    rows = [SHIRT | {"size": str(n), "quantity": str(n)} for n in range(8)]
    import_id = submit(conn, [SHIRT | {"price": "1", "description": "x"}, *rows])
    other.execute("select pg_advisory_lock(4711)")

    def work() -> None:
        conn.execute(f"call tandem.{verb}(%s)".encode(), (import_id,))

    with in_background(conn, work) as done:
        wait_for_lock_wait(other, conn.info.backend_pid)
        found = other.execute(
            "select c.relname, l.mode from pg_locks as l join pg_class as c on c.oid = l.relation"
            " where l.pid = %s and l.granted and c.relname = any (%s)",
            (conn.info.backend_pid, list(TABLES)),
        ).fetchall()
        other.execute("select pg_advisory_unlock(4711)")
        done.result(30)
    assert state(conn, import_id) == "done"
    return set(found)


def test_the_new_path_locks_no_table_against_writers(import_db: Database) -> None:
    held = locks_of_a_run(import_db, "run_import")
    assert {table for table, _ in held} == set(TABLES)
    assert {mode for _, mode in held} <= {"AccessShareLock", "RowShareLock", "RowExclusiveLock"}


def test_the_old_path_locks_each_table_against_writers(import_db: Database) -> None:
    held = locks_of_a_run(import_db, "run_import_locked")
    assert {(table, "ShareRowExclusiveLock") for table in TABLES} <= held


def test_the_old_path_gives_way_to_who_holds_a_table(import_db: Database) -> None:
    conn, other = import_db.owner(), import_db.owner()
    conn.execute("update tandem.setting set value = 50 where name = 'batch_lock_timeout'")
    conn.execute("update tandem.setting set value = 2 where name = 'batch_attempts'")
    with other.transaction(), suppress(psycopg.Rollback):
        other.execute("lock table item_master in row exclusive mode")
        with pytest.raises(psycopg.Error) as caught:
            run_old(conn, [SHIRT])
        assert caught.value.sqlstate == "55P03"
    assert one(conn, "select state from tandem.import_job") == "queued"
