"""The ten points after an import was replaced: each measured, each seen to fail, none guessed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from imports.jobs import run, submit
from imports.ledger import batch, job, ledger_run
from support.databases import Connection, Database
from support.shop import one

POINTS = (
    "imports succeed",
    "no table is locked by imports",
    "imports go on side by side",
    "progress is tracked",
    "large imports are done in the background",
    "partial success is handled",
    "statements are quick",
    "connections are left",
    "no memory is lost",
    "failed rows are kept",
)
SUCCESS, LOCKS, BESIDE, PROGRESS, LARGE, PARTIAL, QUICK, CONNECTIONS, MEMORY, KEPT = POINTS


@pytest.fixture
def owner(import_db: Database) -> Connection:
    return import_db.owner()


def checks(conn: Connection) -> dict[str, Any]:
    rows = conn.execute("select * from tandem.validate_imports('items')").fetchall()
    return {row[0]: row[1:] for row in rows}


def passed(conn: Connection, name: str) -> bool | None:
    found: bool | None = checks(conn)[name][0]
    return found


def test_ten_points_of_which_nothing_is_guessed(owner: Connection) -> None:
    found = checks(owner)
    assert tuple(found) == POINTS
    assert found.pop(CONNECTIONS)[0] is True
    for name, (result, expected, actual, detail) in found.items():
        assert (result, actual) == (None, None), name
        assert expected, name
        assert detail.startswith("not measurable here: "), name


def test_a_real_import_is_measured(owner: Connection) -> None:
    run(owner, [{"name": "A"}, {"name": " "}, {"name": "B"}], batch_rows=1)
    found = checks(owner)
    assert {name for name, row in found.items() if row[0]} == {
        SUCCESS, PROGRESS, PARTIAL, QUICK, CONNECTIONS, KEPT
    }  # fmt: skip
    assert found[SUCCESS][2] == "100.00 % (1 of 1)"
    assert not [name for name, row in found.items() if row[0] is False]


@pytest.mark.parametrize(("succeeded", "result"), [(19, False), (20, True)])
def test_exactly_95_percent_are_not_more(owner: Connection, succeeded: int, result: bool) -> None:
    for _ in range(succeeded):
        job(owner)
    job(owner, state="dead")
    job(owner, state="cancelled")
    job(owner, state="dead", is_dry_run=True)
    job(owner, state="dead", importer="old")
    assert passed(owner, SUCCESS) is result


def test_a_table_lock_of_a_running_import_is_seen(import_db: Database) -> None:
    owner, working = import_db.owner(), import_db.owner()
    run_id = ledger_run(owner, job(owner, state="running"))
    working.execute("begin")
    working.execute("select pg_advisory_xact_lock(tandem._run_lock(), %s::integer)", (run_id,))
    working.execute("insert into item_master (name) values ('row locks are no table locks')")
    assert passed(owner, LOCKS) is True
    working.execute("lock table size_master in share row exclusive mode")
    result, _, actual, detail = checks(owner)[LOCKS]
    assert result is False
    assert actual.startswith("1 table locks by 1 running imports")
    assert "ShareRowExclusiveLock on public.size_master" in detail


def test_a_table_lock_of_somebody_else_is_told_and_is_no_import_s(import_db: Database) -> None:
    owner, other = import_db.owner(), import_db.owner()
    other.execute("begin")
    other.execute("lock table item_master in exclusive mode")
    result, _, _, detail = checks(owner)[LOCKS]
    assert result is None
    assert "ExclusiveLock on public.item_master" in detail


def test_a_missing_index_fails_the_check_of_locks(owner: Connection) -> None:
    owner.execute("drop index idx_size_master_size_name_unique")
    result, _, actual, _ = checks(owner)[LOCKS]
    assert result is False
    assert "idx_size_master_size_name_unique" in actual


def test_imports_that_overlapped_went_on_side_by_side(owner: Connection) -> None:
    first, second = (ledger_run(owner, job(owner)) for _ in range(2))
    batch(owner, first, ago="100 seconds", milliseconds=50)
    batch(owner, first, ago="80 seconds", milliseconds=50)
    batch(owner, second, ago="79 seconds", milliseconds=900)
    assert passed(owner, BESIDE) is None  # one after the other
    batch(owner, second, ago="70 seconds", milliseconds=50)
    batch(owner, first, ago="75 seconds", milliseconds=50)
    result, _, actual, _ = checks(owner)[BESIDE]
    assert (result, actual) == (True, "1 began while another was at it, 0 deadlocks")
    owner.execute("update tandem.run set error_sqlstate = '40P01' where run_id = %s", (first,))
    assert passed(owner, BESIDE) is False


def test_an_import_that_stopped_and_went_on_was_not_at_work_in_between(owner: Connection) -> None:
    first, second = (ledger_run(owner, job(owner)) for _ in range(2))
    batch(owner, first, ago="1 hour", milliseconds=50)
    batch(owner, first, ago="1 minute", milliseconds=50)
    owner.execute("update tandem.run_batch set attempt = batch")
    batch(owner, second, ago="30 minutes", milliseconds=50)
    assert passed(owner, BESIDE) is None


def test_a_row_that_failed_by_a_deadlock_fails_the_check(owner: Connection) -> None:
    run(owner, [{"name": " "}])
    owner.execute("update tandem.rejected_row set sqlstate = '40P01'")
    assert passed(owner, BESIDE) is False


def test_batches_that_do_not_add_up_are_no_progress(owner: Connection) -> None:
    run(owner, [{"name": "A"}, {"name": "B"}], batch_rows=1)
    run(owner, [{"name": "C"}])
    assert checks(owner)[PROGRESS][:3] == (True, "2 imports", "2")
    owner.execute("delete from tandem.run_batch where batch = 2 and run_id = 2")
    assert checks(owner)[PROGRESS][:3] == (False, "2 imports", "1")


def test_what_a_purge_took_away_is_not_missed(owner: Connection) -> None:
    run(owner, [{"name": "A"}, {"name": " "}])
    owner.execute("update tandem.rejected_row set resolved_at = now(), resolution = 'corrected'")
    owner.execute("call tandem.purge('0 seconds')")
    assert one(owner, "select count(*) from tandem.rejected_row") == 0
    assert [passed(owner, name) for name in (PROGRESS, PARTIAL, KEPT)] == [None] * 3
    run(owner, [{"name": "B"}, {"name": " "}])
    assert [passed(owner, name) for name in (PROGRESS, PARTIAL, KEPT)] == [True] * 3


def test_a_large_import_that_another_session_did_was_in_the_background(
    import_db: Database,
) -> None:
    web = import_db.owner(application_name="web")
    worker = import_db.owner(application_name="worker")
    web.execute("update tandem.setting set value = '2' where name = 'import_background_threshold'")
    three = [{"name": name} for name in "ABC"]
    run(web, three)
    worker.execute("call tandem.run_import(%s)", (submit(web, three[:2]),))
    result, _, _, detail = checks(web)[LARGE]
    assert result is None
    assert "none of the 1 done imports of more than 2 rows" in detail
    worker.execute("call tandem.run_import(%s)", (submit(web, three),))
    assert passed(web, LARGE) is True


def test_a_large_import_that_waits_for_long_has_no_worker(owner: Connection) -> None:
    waiting: dict[str, Any] = {"state": "queued", "rows": 1001, "ago": "1 hour"}
    job(owner, **waiting | {"rows": 1000}, run_after="2020-01-01")
    job(owner, **waiting, run_after="2999-01-01")
    assert passed(owner, LARGE) is None
    job(owner, **waiting, run_after="2020-01-01")
    result, _, actual, _ = checks(owner)[LARGE]
    assert (result, actual) == (
        False, "0 done by another session, 1 waiting longer than 600 s"
    )  # fmt: skip


def test_failed_rows_that_are_gone_fail_both_checks(owner: Connection) -> None:
    run(owner, [{"name": "A"}, {"name": " "}, {"name": ""}])
    assert checks(owner)[KEPT][:3] == (True, "2 rows", "2")
    owner.execute("delete from tandem.rejected_row where row_no = 3")
    assert checks(owner)[KEPT][:3] == (False, "2 rows", "1")
    assert passed(owner, PARTIAL) is False


def test_a_dead_import_with_failed_rows_is_no_partial_success(owner: Connection) -> None:
    run(owner, [{"name": "A"}] + [{"name": " "}] * 3, max_failed=1)
    assert passed(owner, PARTIAL) is None


@pytest.mark.parametrize(("milliseconds", "result"), [(100, False), (Decimal("99.999"), True)])
def test_95_of_100_batches_are_below_100_ms(
    owner: Connection, milliseconds: float, result: bool
) -> None:
    run_id = ledger_run(owner, job(owner))
    for _ in range(39):
        batch(owner, run_id, ago="1 hour", milliseconds=milliseconds)
    batch(owner, run_id, ago="1 hour", milliseconds=5000)
    batch(owner, run_id, ago="1 hour", milliseconds=90_000, rows=0)  # looked, and wrote nothing
    found, _, actual, _ = checks(owner)[QUICK]
    assert found is result
    assert actual.endswith("longest 5000.0 ms, of 40 batches")


def test_connections_are_counted(import_db: Database) -> None:
    owner = import_db.owner()
    others = [import_db.owner() for _ in range(3)]
    result, _, actual, _ = checks(owner)[CONNECTIONS]
    most = one(owner, "select current_setting('max_connections')::integer")
    used = int(actual.split("(")[1].split(" of ")[0])
    assert actual == f"{100 * used / most:.1f} % ({used} of {most})"
    assert used >= 1 + len(others)
    assert result is (used < 0.8 * most)


@pytest.mark.parametrize("function", ["validate_imports", "import_advice"])
def test_before_prepare_and_for_another_mapping_it_is_refused(
    import_db: Database, function: str
) -> None:
    owner = import_db.owner()
    owner.execute("update tandem.mapping set phase = 'deployed'")
    for mapping, code in (("items", "TD002"), ("nothing", "TD001")):
        with pytest.raises(psycopg.Error) as caught:
            owner.execute(f"select * from tandem.{function}('{mapping}')".encode())
        assert caught.value.sqlstate == code
