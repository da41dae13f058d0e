"""Imports while the unique indexes that they rely on are built, rebuilt, or were left half built.

ON CONFLICT looks at a valid index alone, and each index that is ready refuses duplicates. So that
another session gets between the two looks, an index of the user's waits in between: indexes are
written in the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from imports.jobs import Counts, counts, failures, names, run, state, submit
from support.databases import Connection, Database
from support.locks import wait_for_lock_wait, wait_until
from support.shop import one

INDEX = (
    "create unique index {} idx_item_master_name_unique on item_master (name)"
    " where deleted_at is null"
)
TWIN = "create unique index {} twin on item_master (name) where deleted_at is null"
# made first, it is written first, and waits in the session that says so
GATE = """
create function gate(p_name text) returns text language plpgsql immutable as $$
begin
    if p_name = 'Hot' and pg_catalog.current_setting('application_name') = 'importer' then
        perform pg_catalog.pg_advisory_xact_lock_shared(77);
    end if;
    return p_name;
end $$;
drop index idx_item_master_name_unique;
create index gate on item_master (gate(name));
"""
ROWS = [{"name": name} for name in ("Cold", "Hot", "Warm")]


@contextmanager
def in_background(conn: Connection, statement: str) -> Iterator[Future[object]]:
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(conn.execute, statement.encode())
        except BaseException:
            conn.cancel()
            raise


def leave_a_twin(db: Database) -> None:
    """An index that could not be finished: invalid, and it refuses duplicates all the same."""
    conn, builder, reader = db.owner(), db.owner(), db.owner()
    reader.execute("begin isolation level repeatable read; select from item_master")
    with in_background(builder, TWIN.format("concurrently")) as built:
        phase = "select max(phase) from pg_stat_progress_create_index"
        wait_until(lambda: one(conn, phase) == "waiting for old snapshots", "the last phase")
        conn.execute("select pg_cancel_backend(%s)", (builder.info.backend_pid,))
        with pytest.raises(psycopg.errors.QueryCanceled):
            built.result()
    reader.rollback()
    ready = "select indisready and not indisvalid from pg_index where indexrelid = 'twin'::regclass"
    assert one(conn, ready)


def assert_somebody_else_may_be_first(db: Database) -> Connection:
    """An import stops between its two looks, another session inserts the same name and is first;
    and once more when the import tries its row alone."""
    conn, holder, importer = db.owner(), db.owner(), db.owner(application_name="importer")
    between = db.owner()
    holder.execute("select pg_advisory_lock(77)")
    import_id = submit(conn, ROWS, batch_rows=1)
    pid = importer.info.backend_pid
    with in_background(importer, f"call tandem.run_import({import_id})") as done:
        wait_for_lock_wait(conn, pid)
        conn.execute("insert into item_master (name) values ('Hot')")
        run_id = one(conn, "select max(run_id) from tandem.run")
        # what a run holds but between two tries
        run_lock = f"select pg_advisory_{{}}lock(tandem._run_lock(), {run_id})"
        with in_background(between, run_lock.format("")) as held:
            wait_for_lock_wait(conn, between.info.backend_pid)
            holder.execute("select pg_advisory_unlock(77)")
            held.result()
        conn.execute("delete from item_master where name = 'Hot'")
        holder.execute("select pg_advisory_lock(77)")
        between.execute(run_lock.format("un").encode())
        waits = (
            f"select exists (select from pg_locks where pid = {pid} and not granted and objid = 77)"
        )
        wait_until(lambda: done.done() or one(conn, waits), "the second try")
        conn.execute("insert into item_master (name) values ('Hot')")
        holder.execute("select pg_advisory_unlock(77)")
        done.result()
    assert failures(conn, import_id) == []
    assert (state(conn, import_id), counts(conn, import_id)) == (
        "done",
        Counts(inserted=2, unchanged=1),
    )
    assert names(conn, "item_master", "name") == ["Cold", "Hot", "Warm"]
    return conn


def test_beside_an_invalid_twin_nothing_is_lost(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(GATE)
    leave_a_twin(import_db)
    conn.execute(INDEX.format("").encode())
    assert_somebody_else_may_be_first(import_db)
    again = run(conn, ROWS)
    assert counts(conn, again) == Counts(unchanged=3)


def test_while_the_index_is_rebuilt_nothing_is_lost(import_db: Database) -> None:
    """After the new index has taken the old one's place, the old one still refuses duplicates."""
    conn, builder, reader = import_db.owner(), import_db.owner(), import_db.owner()
    conn.execute(GATE)
    conn.execute(INDEX.format("").encode())
    reader.execute("begin; select from item_master")
    with in_background(
        builder, "reindex index concurrently idx_item_master_name_unique"
    ) as rebuilt:
        old = (
            "select exists (select from pg_class as c join pg_index as i on i.indexrelid = c.oid"
            " where c.relname = 'idx_item_master_name_unique_ccold' and i.indisready)"
        )
        wait_until(lambda: one(conn, old), "the old index is no longer the one")
        assert_somebody_else_may_be_first(import_db)
        reader.rollback()
        rebuilt.result()


def test_while_a_twin_is_built_nothing_is_lost(import_db: Database) -> None:
    conn, builder, reader = import_db.owner(), import_db.owner(), import_db.owner()
    conn.execute(GATE)
    conn.execute(INDEX.format("").encode())
    reader.execute("begin isolation level repeatable read; select from item_master")
    with in_background(builder, TWIN.format("concurrently")) as built:
        phase = "select max(phase) from pg_stat_progress_create_index"
        wait_until(lambda: one(conn, phase) == "waiting for old snapshots", "the last phase")
        assert counts(conn, run(conn, ROWS)) == Counts(inserted=3)
        reader.rollback()
        built.result()


def test_the_index_itself_being_invalid_is_refused_before_anything_is_read(
    import_db: Database,
) -> None:
    conn = import_db.owner()
    conn.execute("drop index idx_item_master_name_unique")
    leave_a_twin(import_db)
    conn.execute("alter index twin rename to idx_item_master_name_unique")
    import_id = submit(conn, ROWS)
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("call tandem.run_import(%s)", (import_id,))
    assert (caught.value.sqlstate, names(conn, "item_master", "name")) == ("TD003", [])
    assert "is invalid" in (caught.value.diag.message_detail or "")
    conn.execute("drop index idx_item_master_name_unique")
    conn.execute(INDEX.format("").encode())
    conn.execute("call tandem.run_import(%s)", (import_id,))
    assert counts(conn, import_id) == Counts(inserted=3)


def test_an_index_of_the_users_is_a_row_s_fault(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute("create unique index one_sku on item_variant (sku) where deleted_at is null")
    rows = [{"name": f"Item {n}", "color": "Red", "sku": f"S{n % 9}"} for n in range(10)]
    done = run(conn, rows)
    assert counts(conn, done) == Counts(inserted=9, failed=1)
    assert [(row, code) for row, _, code, _ in failures(conn, done)] == [(10, "23505")]
    assert "one_sku" in failures(conn, done)[0][3]


def test_a_trigger_that_says_it_is_a_duplicate_is_a_row_s_fault(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function no_hot() returns trigger language plpgsql as $$
        begin
            if new.name = 'Hot' then
                raise exception 'we have that' using errcode = '23505';
            end if;
            return new;
        end $$;
        create trigger no_hot before insert on item_master
        for each row execute function no_hot();
        """
    )
    done = run(conn, ROWS)
    assert counts(conn, done) == Counts(inserted=2, failed=1)
    assert failures(conn, done) == [(2, None, "23505", "we have that")]
