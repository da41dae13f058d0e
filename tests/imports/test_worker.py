"""Imports that are left to a worker: who does them, and what becomes of a lost one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from imports.jobs import Counts, counts, state, submit, variants
from support.databases import Database
from support.locks import wait_until
from support.shop import Connection, one

ROWS = [{"name": f"Item {n}", "color": "Red", "price": str(n)} for n in range(30)]

WAIT_AT = """
create function wait_at() returns trigger language plpgsql as $$
begin
    if new.price = 15 then
        perform pg_catalog.pg_advisory_xact_lock(77);
    end if;
    return new;
end $$;
create trigger wait_at before insert on item_variant for each row execute function wait_at();
"""


def health(conn: Connection, import_id: int) -> str:
    """What import_health says of an import."""
    return str(one(conn, "select health from tandem.import_health(%s)", import_id))


def test_a_worker_does_all_that_waits_and_returns(import_db: Database) -> None:
    conn = import_db.owner()
    ids = [submit(conn, [row]) for row in ROWS[:5]]
    conn.execute("call tandem.work_imports()")
    assert [state(conn, each) for each in ids] == ["done"] * 5
    assert len(variants(conn)) == 5
    conn.execute("call tandem.work_imports()")


def test_several_workers_share_the_imports(import_db: Database) -> None:
    conn = import_db.owner()
    ids = [submit(conn, ROWS, batch_rows=5) for _ in range(8)]

    def work(_: int) -> None:
        import_db.owner().execute("call tandem.work_imports()")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert [state(conn, each) for each in ids] == ["done"] * 8
    total = [counts(conn, each) for each in ids]
    assert sum(each.inserted for each in total) == len(ROWS)
    assert sum(each.unchanged for each in total) == 7 * len(ROWS)
    runs = "select count(*), max(attempt) from tandem.run where kind = 'run_import'"
    assert conn.execute(runs).fetchone() == (8, 1)


def test_what_somebody_is_about_to_run_is_left_to_them(import_db: Database) -> None:
    conn = import_db.owner()
    import_id = submit(conn, ROWS[:1], durable=False)
    conn.execute("call tandem.work_imports()")
    assert (state(conn, import_id), health(conn, import_id)) == ("queued", "queued")


def test_an_import_whose_session_was_lost_goes_on_where_it_stopped(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(WAIT_AT)
    import_id = submit(conn, ROWS, batch_rows=5)
    holder = import_db.owner()
    holder.execute("begin; select pg_advisory_xact_lock(77)")
    worker = import_db.owner()
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(worker.execute, "call tandem.work_imports()")
        wait_until(lambda: one(conn, "select next_row from tandem.import_job") == 16, "batch 4")
        assert state(conn, import_id) == "running"
        conn.execute("select pg_terminate_backend(%s)", (worker.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError):
            lost.result()
    holder.rollback()
    wait_until(lambda: health(conn, import_id) == "stalled", "a stalled import")
    assert "has ended" in one(conn, "select why from tandem.import_health(%s)", import_id)
    conn.execute("call tandem.work_imports()")
    assert (state(conn, import_id), counts(conn, import_id)) == ("done", Counts(inserted=30))
    assert one(conn, "select tries from tandem.import_job") == 1
    assert one(conn, "select attempt from tandem.run where kind = 'run_import'") == 2


def test_an_import_that_loses_its_session_each_time_is_given_up(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function die() returns trigger language plpgsql as $$
        begin perform pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()); return new; end
        $$;
        create trigger die before insert on item_variant for each row execute function die();
        """
    )
    import_id = submit(conn, ROWS[:2])
    for _ in range(4):
        with pytest.raises(psycopg.OperationalError):
            import_db.owner().execute("call tandem.work_imports()")
    conn.execute("call tandem.work_imports()")
    assert (state(conn, import_id), health(conn, import_id)) == ("dead", "dead")
    conn.execute("drop trigger die on item_variant")
    conn.execute("select tandem.redrive_import(%s)", (import_id,))
    conn.execute("call tandem.work_imports()")
    assert counts(conn, import_id) == Counts(inserted=2)


def test_a_passing_error_is_tried_again_and_another_is_not(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function refuse() returns trigger language plpgsql as $$
        begin raise exception 'no room' using errcode = tg_argv[0]; end $$;
        create trigger refuse before insert on item_variant
        for each row execute function refuse('53200');
        """
    )
    passing = submit(conn, ROWS[:1])
    conn.execute("call tandem.work_imports()")
    assert state(conn, passing) == "queued"
    assert one(conn, "select tries from tandem.import_job") == 1
    for _ in range(3):
        conn.execute("update tandem.import_job set run_after = now()")
        conn.execute("call tandem.work_imports()")
    assert state(conn, passing) == "dead"
    assert one(conn, "select error_sqlstate from tandem.import_job") == "53200"
    conn.execute("drop trigger refuse on item_variant; alter table item_variant rename sku to art")
    other = submit(conn, ROWS[1:2])
    conn.execute("call tandem.work_imports()")
    assert state(conn, other) == "dead"
    tries = "select tries from tandem.import_job where import_id = %s"
    assert one(conn, tries, other) == 1


def test_an_error_of_one_import_does_not_keep_the_next_from_its_turn(import_db: Database) -> None:
    conn = import_db.owner()
    bad = submit(conn, ROWS[:3], timeout_seconds=1)
    conn.execute("delete from tandem.import_row where import_id = %s", (bad,))
    good = submit(conn, ROWS[3:6])
    conn.execute("call tandem.work_imports()")
    assert (state(conn, bad), state(conn, good)) == ("dead", "done")
    assert one(conn, "select error_sqlstate from tandem.import_job where import_id = %s", bad) == (
        "TD062"
    )


def test_a_worker_that_is_told_to_stop_ends_after_its_batch(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(WAIT_AT)
    import_id = submit(conn, ROWS, batch_rows=5)
    holder = import_db.owner()
    holder.execute("begin; select pg_advisory_xact_lock(77)")
    worker = import_db.owner()
    worker.execute("set lock_timeout = 0; select tandem.begin_work('one')")
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(worker.execute, "call tandem.work_imports()")
        wait_until(lambda: one(conn, "select next_row from tandem.import_job") == 16, "batch 4")
        assert one(conn, "select tandem.stop_work(%s)", worker.info.backend_pid) == 1
        holder.rollback()
        ended.result()
    assert state(conn, import_id) == "queued"
    assert 16 < one(conn, "select next_row from tandem.import_job") < 30
    conn.execute("call tandem.work_imports()")
    assert counts(conn, import_id) == Counts(inserted=30)


def test_a_cancelled_import_ends_before_its_next_batch(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(WAIT_AT)
    waiting = submit(conn, ROWS[:1])
    assert one(conn, "select tandem.cancel_import(%s)", waiting) == "cancelled"
    import_id = submit(conn, ROWS, batch_rows=5)
    holder = import_db.owner()
    holder.execute("begin; select pg_advisory_xact_lock(77)")
    worker = import_db.owner()
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(worker.execute, "call tandem.work_imports()")
        where = "select next_row from tandem.import_job where import_id = %s"
        wait_until(lambda: one(conn, where, import_id) == 16, "batch 4")
        assert one(conn, "select tandem.cancel_import(%s)", import_id) == "running"
        holder.rollback()
        ended.result()
    assert state(conn, import_id) == "cancelled"
    assert counts(conn, import_id).inserted < 30


def test_a_lost_import_is_cancelled_at_once(import_db: Database) -> None:
    conn = import_db.owner()
    import_id = submit(conn, ROWS, batch_rows=5)
    worker = import_db.owner()
    conn.execute(WAIT_AT)
    holder = import_db.owner()
    holder.execute("begin; select pg_advisory_xact_lock(77)")
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(worker.execute, "call tandem.work_imports()")
        wait_until(lambda: one(conn, "select next_row from tandem.import_job") == 16, "batch 4")
        conn.execute("select pg_terminate_backend(%s)", (worker.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError):
            lost.result()
    holder.rollback()
    wait_until(lambda: health(conn, import_id) == "stalled", "a stalled import")
    assert one(conn, "select tandem.cancel_import(%s)", import_id) == "cancelled"
    assert one(conn, "select count(*) from tandem.run where finished_at is null") == 0


def test_an_import_that_waits_for_a_lock_is_stalled_and_says_for_whom(import_db: Database) -> None:
    conn = import_db.owner()
    assert conn.execute("select * from tandem.import_health()").fetchall() == []
    queued = submit(conn, ROWS[:1])
    conn.execute("update tandem.import_job set created_at = now() - interval '2 minutes'")
    assert health(conn, queued) == "stalled"
    assert "no worker" in one(conn, "select why from tandem.import_health(%s)", queued)
    conn.execute("select tandem.begin_work('here')")
    assert health(conn, queued) == "queued"
    conn.execute("call tandem.work_imports()")
    assert health(conn, queued) == "done"


def test_a_dead_import_alone_is_redriven(import_db: Database) -> None:
    conn = import_db.owner()
    import_id = submit(conn, ROWS[:1])
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("select tandem.redrive_import(%s)", (import_id,))
    assert caught.value.sqlstate == "TD060"


def test_an_import_that_gets_on_at_each_try_is_not_given_up(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create sequence deaths;
        create function die() returns trigger language plpgsql as $$
        begin
            -- once at each fifth row: a sequence stays where it is
            if new.price = 5 * (select last_value + is_called::integer from public.deaths) then
                perform pg_catalog.nextval('public.deaths');
                perform pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());
            end if;
            return new;
        end
        $$;
        create trigger die before insert on item_variant for each row execute function die();
        """
    )
    import_id = submit(conn, ROWS, batch_rows=2)
    for _ in range(5):
        with pytest.raises(psycopg.OperationalError):
            import_db.owner().execute("call tandem.work_imports()")
    conn.execute("call tandem.work_imports()")
    assert (state(conn, import_id), counts(conn, import_id)) == ("done", Counts(inserted=30))
