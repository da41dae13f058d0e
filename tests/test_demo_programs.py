"""The demo's programs: an open loop that counts truly, and an old program that does no harm."""

from __future__ import annotations

import random
import threading
import time

import psycopg
import pytest

from pgtandem.demo import driver, generator
from pgtandem.demo.driver import Program
from pgtandem.demo.openloop import Mismatch, OpenLoop, percentile
from support.databases import Database


class Scripted:
    """Operations that raise what they are told, in turn, and then succeed."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.draws: list[float] = []
        self.recovered = 0
        self.done = threading.Event()

    def one(self, draw: random.Random) -> str:
        self.draws.append(draw.random())
        error = self.errors.pop(0) if self.errors else None
        if not self.errors:
            self.done.set()
        if error is not None:
            raise error
        return "work"

    def recover(self) -> None:
        self.recovered += 1

    def close(self) -> None:
        pass


def sqlstate(error: Exception) -> str | None:
    return error.sqlstate if isinstance(error, psycopg.Error) else None


def run(worker: Scripted) -> OpenLoop:
    loop = OpenLoop("test", [worker], 200, sqlstate)

    def stop() -> None:
        worker.done.wait(10)
        loop.stop()

    threading.Thread(target=stop).start()
    return loop


def test_a_deadlock_is_retried_once_with_the_same_draws() -> None:
    worker = Scripted(psycopg.errors.DeadlockDetected(), None)
    summary = run(worker).run()
    assert worker.draws[0] == worker.draws[1]
    assert (summary.errors, summary.retried, worker.recovered) == (0, 1, 1)


def test_what_fails_twice_is_an_error() -> None:
    failure = psycopg.errors.SerializationFailure
    summary = run(Scripted(failure(), failure(), psycopg.errors.UniqueViolation())).run()
    assert (summary.errors, summary.retried) == (2, 1)
    assert summary.sqlstates == {"23505": 1, "40001": 1}


def test_a_row_that_reads_back_otherwise_is_no_database_error() -> None:
    summary = run(Scripted(Mismatch("row 1"))).run()
    assert (summary.errors, summary.mismatches) == (0, 1)
    assert "row 1" in summary.messages[0]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, 0.0), ([3.0], 0.99, 3.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 3.0), ([1.0, 9.0], 1.0, 9.0)],
)
def test_percentiles(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_the_columns_checked_before_there_is_a_table_are_the_tables(bare_db: Database) -> None:
    query = (
        "select attname from pg_attribute"
        " where attrelid = 'tblproduct'::regclass and attnum > 0 order by attnum"
    )
    names = tuple(name for (name,) in bare_db.owner().execute(query.encode()))
    assert names == ("productid", *generator.COLUMNS)


@pytest.mark.parametrize(("rate", "queue"), [(20, False), (500, True)])
def test_a_latency_that_is_a_queue_is_said_to_be_one(rate: float, queue: bool) -> None:
    class Slow(Scripted):
        def one(self, draw: random.Random) -> str:
            time.sleep(0.02)
            return "work"

    summary = OpenLoop("test", [Slow()], rate, sqlstate).run(0.5)
    note = driver._queue_note(summary, summary.phases["start"])
    assert ("queue" in note, f"of {rate} operations/s" in note) == (queue, queue)


def test_the_old_program_works_and_reports_by_phase(bare_db: Database) -> None:
    owner = bare_db.owner()
    owner.execute(
        "insert into tblproduct (productname) select 'p' || n from generate_series(1, 50) n"
    )
    with Program("old_program", bare_db.old_app_dsn, "--rate", "100", "--seconds", "60") as program:
        program.phase("busy")
        query = "select from tblproduct where sku like 'OLD-%'"
        while owner.execute(query).rowcount < 10:
            assert program.running
        summary = program.stop()
    assert (summary.errors, summary.mismatches, summary.messages) == (0, 0, [])
    busy = summary.phases["busy"]
    assert busy.kinds["insert"] >= 10
    assert 0 < busy.p50_ms <= busy.p99_ms <= busy.max_ms
    assert summary.operations == sum(phase.operations for phase in summary.phases.values())


def test_the_old_program_reports_a_row_that_a_trigger_swallows(bare_db: Database) -> None:
    owner = bare_db.owner()
    owner.execute(
        "create function wrong() returns trigger language plpgsql as "
        "$$ begin new.sku = 'wrong'; return new; end $$"
    )
    owner.execute(
        "create trigger wrong before insert on tblproduct for each row execute function wrong()"
    )
    with Program("old_program", bare_db.old_app_dsn, "--rate", "100") as program:
        while not owner.execute("select from tblproduct where sku = 'wrong'").rowcount:
            assert program.running
        summary = program.stop()
    assert summary.mismatches >= 1


def test_the_old_program_survives_the_end_of_its_sessions(bare_db: Database) -> None:
    owner = bare_db.owner()
    sessions = "select from pg_stat_activity where application_name = 'old_program'"
    rows = "select from tblproduct"
    with Program("old_program", bare_db.old_app_dsn, "--rate", "100") as program:
        while owner.execute(rows).rowcount < 5:
            assert program.running
        with bare_db.server.admin(bare_db.clone_name) as admin:
            ended = admin.execute(sessions.replace("select", "select pg_terminate_backend(pid)"))
            assert ended.rowcount == 2
        before = owner.execute(rows).rowcount
        while owner.execute(rows).rowcount < before + 5:
            assert program.running
        summary = program.stop()
    assert 0 < summary.errors <= 4
    assert summary.sqlstates.keys() <= {"57P01", "OperationalError"}
