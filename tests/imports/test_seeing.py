"""What is known of the old import, what stands by hour, and the checklist before the switch."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from imports.jobs import run, submit
from imports.ledger import batch, job, ledger_run
from support.databases import Connection, Database
from support.shop import one

NEW_SYSTEM = """
SELECT
    AVG(duration_seconds) as avg_duration,
    AVG(success_rate) as avg_success_rate,
    COUNT(*) as total_imports
FROM import_results
JOIN import_jobs USING (import_id)
WHERE created_at > NOW() - INTERVAL '7 days';
"""
OLD_SYSTEM = """
SELECT
    AVG(duration_seconds) as avg_duration,
    AVG(success_rate) as avg_success_rate,
    COUNT(*) as total_imports
FROM import_logs_old
WHERE created_at > NOW() - INTERVAL '30 days';
"""
INDEXES = """
SELECT indexname, indexdef
FROM pg_indexes
WHERE tablename IN ('item_master', 'color_master', 'size_master', 'item_variant')
AND indexname LIKE 'idx_%unique';
"""
TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_name IN ('import_jobs', 'import_results');
"""
COUNT_LOG = "SELECT COUNT(*) FROM import_logs WHERE created_at > NOW() - INTERVAL '30 days'"
MEAN_LOG = "SELECT AVG(duration_seconds) FROM import_logs WHERE status = 'completed'"
PEAKS = """
SELECT EXTRACT(HOUR FROM created_at) as hour, COUNT(*)
FROM import_logs
GROUP BY hour
ORDER BY count DESC;
"""
LOG = """
create table import_logs (
    id bigint generated always as identity, created_at timestamp not null default localtimestamp,
    duration_seconds double precision, status varchar(20), success_rate numeric
)
"""


@pytest.fixture
def owner(import_db: Database) -> Connection:
    return import_db.owner()


def record(conn: Connection, query: str, *values: object) -> dict[str, Any]:
    """The only row."""
    cursor = conn.execute(query.encode(), values or None)
    (row,) = cursor.fetchall()
    return dict(zip([column.name for column in cursor.description or ()], row, strict=True))


def baseline(conn: Connection, *arguments: object) -> dict[str, Any]:
    marks = ", ".join(["%s"] * (len(arguments) + 1))
    return record(
        conn, f"select * from tandem.record_import_baseline({marks})", "items", *arguments
    )


def fill_log(conn: Connection) -> None:
    """Five imports of this month, of which four ended, and an old one."""
    conn.execute(
        "insert into import_logs (created_at, duration_seconds, status, success_rate) values"
        " (date_trunc('day', localtimestamp) - interval '1 day' + interval '9 hours',"
        "   10, 'completed', 100),"
        " (date_trunc('day', localtimestamp) - interval '20 days' + interval '9 hours',"
        "   20, 'completed', 90),"
        " (date_trunc('day', localtimestamp) - interval '3 days' + interval '23 hours',"
        "   600, 'failed', 0),"
        " (date_trunc('day', localtimestamp) - interval '3 days', 'NaN', 'completed', null),"
        " (date_trunc('day', localtimestamp) - interval '4 days', 7, null, null),"
        " (date_trunc('day', localtimestamp) - interval '32 days' + interval '12 hours',"
        "   9000, 'completed', 1)"
    )


def test_the_queries_of_the_guide_run_as_they_are_printed(owner: Connection) -> None:
    run(owner, [{"name": "A"}, {"name": " "}])
    run(owner, [{"name": "B"}])
    duration, rate, total = owner.execute(NEW_SYSTEM).fetchall()[0]
    assert (rate, total, duration > 0) == (75, 2, True)
    assert len(owner.execute(INDEXES).fetchall()) == 4
    assert {name for (name,) in owner.execute(TABLES)} == {"import_jobs", "import_results"}
    owner.execute(LOG)
    fill_log(owner)
    assert one(owner, COUNT_LOG) == 5
    owner.execute("delete from import_logs where duration_seconds = 'NaN'")
    assert one(owner, MEAN_LOG) == 3010  # of all times
    assert owner.execute(PEAKS).fetchall()[0] == (9, 2)
    owner.execute("alter table import_logs rename to import_logs_old")
    assert owner.execute(OLD_SYSTEM).fetchall()[0][2] == 4


def test_a_baseline_is_what_the_log_has(owner: Connection) -> None:
    owner.execute(LOG)
    fill_log(owner)
    found = baseline(owner)
    assert (found["source"], found["days"], found["imports"]) == ("public.import_logs", 30, 5)
    assert (found["mean_seconds"], found["completed_percent"]) == (15, 75)
    assert found["success_rate"] == Decimal("63.33")
    hours = {int(hour): count for hour, count in found["by_hour"].items()}
    assert sorted(hours) == list(range(24))
    assert {hour: count for hour, count in hours.items() if count} == {0: 2, 9: 2, 23: 1}
    assert found["notes"] == []
    assert found["recorded_by"] == "shop_owner"
    assert baseline(owner, "import_logs", 10)["imports"] == 4


def test_each_look_is_kept(owner: Connection) -> None:
    owner.execute(LOG)
    fill_log(owner)
    baseline(owner)
    owner.execute("delete from import_logs")
    assert baseline(owner)["notes"] == ["no import in 30 days"]
    kept = "select array_agg(imports order by baseline_id) from tandem.import_baseline"
    assert one(owner, kept) == [5, 0]
    assert one(owner, "select old_imports from tandem.import_comparison") == 5


@pytest.mark.parametrize(
    ("column", "gone"),
    [
        ("created_at", ("imports", "by_hour")),
        ("duration_seconds", ("mean_seconds",)),
        ("status", ("completed_percent",)),
    ],
)
@pytest.mark.parametrize("how", ["absent", "of another type"])
def test_what_the_log_lacks_is_null_and_said(
    owner: Connection, column: str, gone: tuple[str, ...], how: str
) -> None:
    owner.execute(LOG)
    fill_log(owner)
    owner.execute(f"alter table import_logs drop column {column}".encode())
    if how == "of another type":
        owner.execute(f"alter table import_logs add column {column} point".encode())
    found = baseline(owner)
    measured = ("imports", "by_hour", "mean_seconds", "completed_percent", "success_rate")
    assert {name for name in measured if found[name] is None} == set(gone)
    assert column in found["notes"][0]


def test_without_a_status_the_mean_is_over_all(owner: Connection) -> None:
    owner.execute(LOG)
    fill_log(owner)
    owner.execute("alter table import_logs drop column status")
    assert baseline(owner)["mean_seconds"] == Decimal("159.25")


def test_the_renamed_log_is_understood(owner: Connection) -> None:
    owner.execute(
        "create table import_logs_old (created_at timestamptz, duration_seconds interval,"
        " success_rate real)"
    )
    owner.execute("insert into import_logs_old values (now(), '90 s', 0.5), (now(), '30 s', 1)")
    found = baseline(owner)
    assert (found["source"], found["imports"]) == ("public.import_logs_old", 2)
    assert (found["mean_seconds"], found["success_rate"]) == (60, 75)
    assert "as shares" in found["notes"][-1]


def test_words_for_success_are_not_guessed(owner: Connection) -> None:
    owner.execute(LOG)
    owner.execute("insert into import_logs (status) values ('OK'), ('ERR')")
    found = baseline(owner)
    assert (found["imports"], found["completed_percent"]) == (2, None)
    assert "status completed" in found["notes"][-1]


def test_without_a_log_the_jobs_of_the_old_path_are_the_baseline(owner: Connection) -> None:
    assert baseline(owner)["source"] == "none"
    assert baseline(owner)["imports"] is None
    for failed in (0, 5):
        job(owner, importer="old", seconds=8, failed=failed)
    job(owner, importer="old", state="dead", seconds=100)
    job(owner, seconds=1)
    found = baseline(owner)
    assert (found["source"], found["imports"]) == ("tandem.import_job", 3)
    assert (found["mean_seconds"], found["completed_percent"]) == (8, Decimal("66.67"))
    assert found["success_rate"] == Decimal("83.33")
    assert sum(found["by_hour"].values()) == 3


def test_a_name_with_everything_in_it_is_only_a_name(owner: Connection) -> None:
    owner.execute('create schema "o\'dd; drop"')
    owner.execute('create table "o\'dd; drop"."%I ""x""" (created_at date)')
    owner.execute('insert into "o\'dd; drop"."%I ""x""" values (current_date)')
    found = baseline(owner, '"o\'dd; drop"."%I ""x"""')
    assert found["imports"] == 1


@pytest.mark.parametrize("name", ["a.b.c", "import_logs; drop table x", ""])
def test_what_is_no_name_of_a_table_is_refused(owner: Connection, name: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        baseline(owner, name)
    assert one(owner, "select count(*) from tandem.import_baseline") == 0


def test_the_log_is_read_with_the_rights_of_the_caller(import_db: Database) -> None:
    owner = import_db.owner()
    owner.execute(LOG)
    fill_log(owner)
    owner.execute("select tandem.grant_to('new_app', 'operator')")
    operator = import_db.new_app()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        baseline(operator)
    owner.execute("grant select on import_logs to new_app")
    assert baseline(operator)["recorded_by"] == "new_app"


def test_a_view_in_the_place_of_the_log_is_not_run(owner: Connection) -> None:
    owner.execute(
        "create function boom() returns timestamptz language plpgsql as"
        " $$ begin raise exception 'ran'; end $$"
    )
    owner.execute("create view import_logs as select boom() as created_at")
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        baseline(owner)


def test_by_hour_has_what_ended_in_each_hour(owner: Connection) -> None:
    for failed in (0, 4):
        job(owner, failed=failed, seconds=3, ago="5 minutes")
    job(owner, state="dead", seconds=9, ago="5 minutes")
    job(owner, importer="old", ago="5 minutes")
    job(owner, ago="25 hours")
    job(owner, state="cancelled", ago="5 minutes")
    job(owner, state="queued", rows=5)
    job(owner, is_dry_run=True)
    rows = owner.execute(
        "select importer, jobs, failed_jobs, success_rate, row_count, failed_rows, error_rate,"
        " mean_seconds from tandem.import_metrics_by_hour order by hour desc, importer"
    ).fetchall()
    assert rows == [
        ("new", 3, 1, Decimal("66.67"), 30, 4, Decimal("13.33"), 5),
        ("old", 1, 0, 100, 10, 0, 0, 1),
        ("new", 1, 0, 100, 10, 0, 0, 1),
    ]


def test_the_queue_says_what_waits_and_where_nobody_works(owner: Connection) -> None:
    query = "select * from tandem.import_queue"
    empty = ("items", 0, 0, None, 0, 0, 0)
    assert owner.execute(query).fetchall() == [empty]
    job(owner, state="queued", ago="90 seconds", rows=5)
    job(owner, state="queued", rows=5, ago="10 seconds", run_after="2999-01-01")
    job(owner, state="queued", rows=5, ago="1 day", is_dry_run=True)
    job(owner, state="dead")
    owner.execute("begin")
    held = ledger_run(owner, job(owner, state="running"))
    ledger_run(owner, job(owner, state="running"))
    owner.execute("select pg_advisory_xact_lock(tandem._run_lock(), %s::integer)", (held,))
    (row,) = owner.execute(query).fetchall()
    assert row[:3] == ("items", 2, 1)
    assert row[3] >= 90
    assert row[4:] == (2, 1, 1)
    owner.execute("rollback")


def test_old_and_new_are_compared_as_the_guide_does(owner: Connection) -> None:
    query = "select * from tandem.import_comparison"
    assert set(record(owner, query).values()) == {"items", 0, None}
    job(owner, seconds=4, failed=1)
    job(owner, state="dead", seconds=900)
    found = record(owner, query)
    assert (found["new_imports"], found["new_mean_seconds"]) == (2, 4)
    assert (found["new_success_rate"], found["new_error_rate"]) == (50, 5)
    assert (found["old_imports"], found["improvement_percent"]) == (None, None)
    job(owner, importer="old", seconds=8)
    found = record(owner, query)
    assert (found["old_source"], found["old_imports"]) == ("tandem.import_job", 1)
    assert found["improvement_percent"] == 50
    owner.execute(LOG)
    fill_log(owner)
    baseline(owner)
    found = record(owner, query)
    assert (found["old_source"], found["old_imports"]) == ("public.import_logs", 5)
    assert (found["old_success_rate"], found["old_error_rate"]) == (75, Decimal("36.67"))
    assert found["improvement_percent"] == Decimal("73.3")  # (15 - 4) / 15


def test_new_that_is_slower_is_an_improvement_below_0(owner: Connection) -> None:
    job(owner, seconds=30)
    job(owner, importer="old", seconds=10)
    assert one(owner, "select improvement_percent from tandem.import_comparison") == -200


def readiness(conn: Connection) -> dict[str, tuple[Any, ...]]:
    rows = conn.execute(
        "select point, passed, actual, detail from tandem.import_readiness('items')"
    ).fetchall()
    return {point: tuple(rest) for point, *rest in rows}


def test_nothing_is_ready_that_nobody_has_confirmed(owner: Connection) -> None:
    found = readiness(owner)
    assert list(found) == ["backup", "team", "test_environment", "monitoring", "rollback", "window"]
    assert {passed for passed, _, _ in found.values()} == {None}
    for point, (_, _, detail) in found.items():
        assert f"tandem.note_import_check('items', '{point}'" in detail


@pytest.mark.parametrize(
    "point", ["backup", "team", "test_environment", "monitoring", "rollback", "window"]
)
def test_a_point_is_confirmed_by_who_and_when_and_denied_again(
    import_db: Database, point: str
) -> None:
    owner = import_db.owner()
    owner.execute("select tandem.grant_to('new_app', 'operator')")
    operator = import_db.new_app()
    note = "select tandem.note_import_check('items', %s, %s, %s)"
    operator.execute(note, (point, "it is in the wiki", True))
    found = readiness(operator)
    assert found[point][0] is True
    assert "confirmed by new_app at 20" in found[point][1]
    assert "it is in the wiki" in found[point][1]
    assert "note_import_check" not in found[point][2]
    assert [p for p, row in found.items() if row[0]] == [point]
    operator.execute(note, (point, "no longer", False))
    found = readiness(owner)
    assert found[point][0] is False
    assert "denied by new_app" in found[point][1]
    assert one(owner, "select count(*) from tandem.import_check_note") == 2


def test_a_backup_that_was_confirmed_grows_old(owner: Connection) -> None:
    owner.execute("select tandem.note_import_check('items', 'backup', 'done')")
    owner.execute("select tandem.note_import_check('items', 'team', 'told')")
    owner.execute("update tandem.import_check_note set noted_at = noted_at - interval '25 hours'")
    found = readiness(owner)
    assert (found["backup"][0], found["team"][0]) == (False, True)


def test_a_way_back_that_was_gone_is_a_tested_one(owner: Connection) -> None:
    done = {"state": "done", "finished_at": "2999-01-01"}
    run_id = ledger_run(owner, job(owner), kind="undo_import", **done)
    found = readiness(owner)["rollback"]
    assert found[:2] == (True, f"run {run_id}: undo_import")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("import_alert_success_percent", "0"),
        ("import_alert_error_percent", "100"),
        ("import_alert_duration_seconds", "0"),
    ],
)
def test_alerts_that_judge_nothing_are_no_monitoring(
    owner: Connection, name: str, value: str
) -> None:
    owner.execute("select tandem.note_import_check('items', 'monitoring', 'on the wall')")
    owner.execute("update tandem.setting set value = %s where name = %s", (value, name))
    passed, actual, _ = readiness(owner)["monitoring"]
    assert passed is False
    assert actual.endswith(f"judges nothing: {name}")


def test_a_database_for_tests_beside_this_one_is_named(
    import_db: Database, owner: Connection
) -> None:
    name = one(owner, "select current_database() || '_test'")
    root = import_db.superuser()
    root.execute(f'create database "{name}"'.encode())
    try:
        passed, actual, _ = readiness(owner)["test_environment"]
    finally:
        root.execute(f'drop database "{name}"'.encode())
    assert (passed, actual) == (None, f"database {name} is here")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("'nothing', 'backup', 'x'", "TD001"),
        ("'items', 'weather', 'x'", "22023"),
        ("'items', null, 'x'", "22023"),
        ("'items', 'backup', ' '", "22004"),
        ("'items', 'backup', 'x', null", "22004"),
    ],
)
def test_a_note_that_says_nothing_is_refused(owner: Connection, arguments: str, code: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        owner.execute(f"select tandem.note_import_check({arguments})".encode())
    assert caught.value.sqlstate == code
    assert one(owner, "select count(*) from tandem.import_check_note") == 0


def advice(conn: Connection) -> dict[str, tuple[str | None, str]]:
    conn.execute("select pg_stat_force_next_flush()")
    rows = conn.execute("select * from tandem.import_advice('items')").fetchall()
    return {topic: (told, detail) for topic, told, detail in rows}


@pytest.mark.parametrize(
    ("milliseconds", "size"),
    [(19, 3150), (20, None), (100, None), (101, 600), (1000, 50), (100_000, 50), (1, 10_000)],
)
def test_the_batch_size_that_is_advised(
    owner: Connection, milliseconds: float, size: int | None
) -> None:
    run_id = ledger_run(owner, job(owner))
    for _ in range(5):
        batch(owner, run_id, ago="1 hour", milliseconds=milliseconds, rows=1000)
    for _ in range(40):  # small ones tell nothing of large ones
        batch(owner, run_id, ago="1 hour", milliseconds=100, rows=499)
    told, _ = advice(owner)["batch size"]
    if size is None:
        assert told is None
    else:
        assert told is not None and f"'{size}'" in told
        owner.execute(told.encode())
        assert one(owner, "select tandem._setting_of('import_batch_size')") == str(size)


def test_without_batches_of_the_size_nothing_is_advised(owner: Connection) -> None:
    told, detail = advice(owner)["batch size"]
    assert told is None
    assert detail.startswith("not measurable here")


def test_a_unique_index_that_no_import_uses_is_a_warning(owner: Connection) -> None:
    index = "index idx_item_master_name_unique on public.item_master"
    job(owner)
    assert advice(owner)[index][0] is None  # small
    owner.execute("insert into item_master (name) select 'N' || n from generate_series(1, 5000) n")
    told, detail = advice(owner)[index]
    assert told is not None and told.startswith("warning: no import has used it")
    assert "scanned 0 times" in detail
    owner.execute("set enable_seqscan = off")
    owner.execute("select 1 from item_master where deleted_at is null and name = 'N7'")
    assert advice(owner)[index][0] is None
    owner.execute("drop index idx_item_master_name_unique")
    told, _ = advice(owner)[index]
    assert told is not None and "it is missing" in told


def test_tables_without_statistics_and_with_dead_rows_are_named(owner: Connection) -> None:
    owner.execute("alter table item_master set (autovacuum_enabled = off)")
    submit(owner, [{"name": "A"}])
    assert advice(owner)["statistics of public.item_master"][0] is None  # nothing was imported
    run(owner, [{"name": "A"}])
    assert advice(owner)["statistics of public.item_master"][0] == "ANALYZE public.item_master;"
    owner.execute("analyze item_master")
    assert advice(owner)["statistics of public.item_master"][0] is None
    assert advice(owner)["dead rows of public.item_master"][0] is None
    owner.execute("insert into item_master (name) select 'N' || n from generate_series(1, 3000) n")
    owner.execute("delete from item_master where name like 'N1%'")
    told, _ = advice(owner)["dead rows of public.item_master"]
    assert told == "VACUUM (ANALYZE) public.item_master;"
    owner.execute("vacuum item_master")
    owner.execute("update item_master set name = name || 'x'")  # a key changes: never HOT
    advice(owner)  # what this session counted is known before VACUUM says that it is gone
    owner.execute("vacuum item_master")
    told, _ = advice(owner)["dead rows of public.item_master"]
    assert told == "ALTER TABLE public.item_master SET (fillfactor = 85);"
