"""Alerts of imports: they fire where there is enough to be sure, and nowhere else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import NormalDist
from typing import Any

import psycopg
import pytest

from imports.jobs import run
from imports.ledger import job, ledger_run
from support.cli import pgtandem
from support.databases import Connection, Database
from support.shop import one

BOTH_SIDES = NormalDist().inv_cdf(0.975)
ALERTS = ("success rate", "duration", "error rate")


@pytest.fixture
def owner(import_db: Database) -> Connection:
    return import_db.owner()


def alert(conn: Connection, name: str, since: str | None = "48 hours") -> dict[str, Any]:
    """The row of an alert of the mapping `items`."""
    cursor = conn.execute(
        "select * from tandem.import_alerts('items', %s::interval) where alert = %s", (since, name)
    )
    row = cursor.fetchone()
    assert row is not None
    return dict(zip([column.name for column in cursor.description or ()], row, strict=True))


def fired(conn: Connection) -> set[str]:
    rows = conn.execute("select alert from tandem.import_alerts() where fired").fetchall()
    return {name for (name,) in rows}


def jobs(conn: Connection, succeeded: int, failed: int, /, **options: Any) -> None:
    for _ in range(succeeded):
        job(conn, **options)
    for _ in range(failed):
        job(conn, state="dead", **options)


@pytest.mark.parametrize(
    ("hits", "of", "lower", "upper"),
    # Newcombe 1998, table I, method 3: both sides of 95 %
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
     (1, 29, 0.0061, 0.1718)],
)  # fmt: skip
def test_the_bounds_are_those_that_were_published(
    owner: Connection, hits: int, of: int, lower: float, upper: float
) -> None:
    query = "select tandem._wilson_{}(%s, %s, %s)"
    found = [one(owner, query.format(side), hits, of, BOTH_SIDES) for side in ("lower", "upper")]
    assert found == [pytest.approx(lower, abs=5e-5), pytest.approx(upper, abs=5e-5)]


def test_the_bounds_are_of_one_side_and_null_for_nothing(owner: Connection) -> None:
    z = NormalDist().inv_cdf(0.95)
    both = "select array[tandem._wilson_lower(6, 40), tandem._wilson_upper(6, 40)]"
    given = "select array[tandem._wilson_lower(6, 40, %s), tandem._wilson_upper(6, 40, %s)]"
    assert one(owner, both) == pytest.approx(one(owner, given, z, z))
    assert one(owner, "select tandem._wilson_upper(0, 0) is null")
    assert one(owner, "select tandem._wilson_lower(0, 7)") == 0
    assert one(owner, "select tandem._wilson_upper(7, 7)") == 1


def test_nothing_to_judge_fires_nothing(owner: Connection) -> None:
    rows = owner.execute("select alert, fired, value, sample from tandem.import_alerts()")
    assert rows.fetchall() == [(name, False, None, 0) for name in ALERTS]


def test_one_failure_of_three_does_not_fire_and_six_of_forty_do(owner: Connection) -> None:
    jobs(owner, 2, 1)
    found = alert(owner, "success rate")
    assert (found["fired"], found["sample"], float(found["value"])) == (False, 3, 66.67)
    assert "fewer than 10 are not judged" in found["detail"]
    jobs(owner, 32, 5)
    found = alert(owner, "success rate")
    assert (found["fired"], found["sample"], float(found["value"])) == (True, 40, 85.0)
    assert found["value"] < found["bound"] < found["threshold"]
    assert found["severity"] == "critical"


def test_a_bound_is_asked_and_not_the_share_alone(owner: Connection) -> None:
    jobs(owner, 36, 4)  # 90 %, which forty of 95 % may well be
    found = alert(owner, "success rate")
    assert (found["fired"], float(found["value"])) == (False, 90.0)
    assert found["value"] < found["threshold"] < found["bound"]


@pytest.mark.parametrize(("failed", "is_fired"), [(9, False), (10, True)])
def test_the_least_sample_is_judged(owner: Connection, failed: int, is_fired: bool) -> None:
    jobs(owner, 0, failed)
    assert alert(owner, "success rate")["fired"] is is_fired


@pytest.mark.parametrize(
    ("failed", "is_fired"), [(5_000, False), (5_100, False), (5_200, True)]
)  # fmt: skip
def test_exactly_five_percent_of_rows_do_not_fire(
    owner: Connection, failed: int, is_fired: bool
) -> None:
    job(owner, rows=100_000, failed=failed)
    found = alert(owner, "error rate")
    assert (found["fired"], found["sample"]) == (is_fired, 100_000)
    assert float(found["value"]) == failed / 1000
    assert found["bound"] < found["value"]


@pytest.mark.parametrize(("seconds", "is_fired"), [(600, False), (600.001, True)])
def test_exactly_ten_minutes_do_not_fire(owner: Connection, seconds: float, is_fired: bool) -> None:
    job(owner, seconds=1)
    long = job(owner, seconds=seconds)
    found = alert(owner, "duration")
    assert (found["fired"], found["sample"]) == (is_fired, 2)
    rows = owner.execute(found["query"]).fetchall()
    assert [row[0] for row in rows] == ([long] if is_fired else [])


def test_an_import_that_still_runs_is_too_long_before_it_ends(owner: Connection) -> None:
    job(owner, state="running", seconds=500)
    assert fired(owner) == set()
    job(owner, state="running", seconds=700)
    assert fired(owner) == {"duration"}
    assert "still running: 1" in alert(owner, "duration")["detail"]


def test_failures_of_imports_and_of_rows_are_apart(owner: Connection) -> None:
    jobs(owner, 20, 20)
    assert fired(owner) == {"success rate"}
    owner.execute("delete from tandem.import_job")
    jobs(owner, 40, 0, failed=2)
    assert fired(owner) == {"error rate"}


def test_what_is_not_of_the_new_path_or_the_time_or_for_real_does_not_count(
    owner: Connection,
) -> None:
    jobs(owner, 0, 20, importer="old", failed=5, seconds=900)
    jobs(owner, 0, 20, is_dry_run=True, failed=5, seconds=900)
    jobs(owner, 0, 20, ago="49 hours", failed=5, seconds=900)
    for _ in range(20):
        job(owner, state="cancelled")
        job(owner, state="queued", rows=5)
    assert fired(owner) == set()
    assert alert(owner, "success rate")["sample"] == 0
    assert alert(owner, "success rate", "50 hours")["sample"] == 20
    assert alert(owner, "success rate", None)["sample"] == 20


def test_an_import_whose_run_ended_with_an_error_failed_until_somebody_goes_on(
    owner: Connection,
) -> None:
    import_id = job(owner, state="running")
    ended = {"state": "failed", "error_sqlstate": "TD061", "finished_at": "2999-01-01"}
    ledger_run(owner, import_id, **ended)
    found = alert(owner, "success rate")
    assert (found["sample"], found["value"]) == (1, 0)
    (row,) = owner.execute(found["query"]).fetchall()
    assert (row[0], row[7]) == (import_id, "TD061")
    ledger_run(owner, import_id)
    assert alert(owner, "success rate")["sample"] == 0


def test_rows_that_the_first_look_found_count_where_none_was_written(owner: Connection) -> None:
    rows = [{"name": " "}] * 15 + [{"name": f"N{n}"} for n in range(5)]
    import_id = run(owner, rows, max_failed=0)
    assert one(owner, "select next_row from tandem.import_job") == 1
    found = alert(owner, "error rate")
    assert (found["fired"], found["sample"], found["value"]) == (True, 20, 75)
    (row,) = owner.execute(found["query"]).fetchall()
    assert row[2:4] == (15, 1)
    failed = owner.execute(alert(owner, "success rate")["query"]).fetchall()
    assert [r[0] for r in failed] == [import_id]


def test_thresholds_are_settings(owner: Connection) -> None:
    jobs(owner, 36, 4, failed=1, seconds=5)
    assert fired(owner) == {"error rate"}
    owner.execute(
        "update tandem.setting set value = case name when 'import_alert_success_percent' then '99'"
        " when 'import_alert_error_percent' then '50' else '4' end"
        " where name like 'import_alert_%' and name <> 'import_alert_min_sample'"
    )
    assert fired(owner) == {"success rate", "duration"}


@pytest.mark.parametrize("name", ALERTS)
@pytest.mark.parametrize("since", ["48 hours", None])
def test_the_query_of_each_alert_runs(import_db: Database, name: str, since: str | None) -> None:
    owner = import_db.owner()
    run(owner, [{"name": " "}])
    jobs(owner, 1, 1, seconds=700)
    owner.execute("select tandem.grant_to('new_app', 'operator')")
    operator = import_db.new_app()
    query = alert(operator, name, since)["query"]
    assert len(operator.execute(query).fetchall()) == {
        "success rate": 1, "duration": 2, "error rate": 1
    }[name]  # fmt: skip


def test_a_reader_may_judge_and_sees_no_contents(import_db: Database) -> None:
    owner = import_db.owner()
    run(owner, [{"name": "Secret", "price": "Secret price"}])
    owner.execute("select tandem.grant_to('new_app', 'reader')")
    reader = import_db.new_app()
    for view in ("import_alerts()", "import_metrics_by_hour", "import_queue", "import_comparison"):
        told = reader.execute(f"select * from tandem.{view}".encode()).fetchall()
        assert told
        assert "Secret" not in str(told)
    for name in ("success rate", "error rate"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(alert(reader, name)["query"])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select * from tandem.validate_imports('items')")


def test_an_unknown_mapping_is_refused(owner: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        owner.execute("select * from tandem.import_alerts('nothing')")
    assert caught.value.sqlstate == "TD001"


def test_the_command_exits_with_1_where_one_fires(import_db: Database) -> None:
    owner = import_db.owner()
    jobs(owner, 30, 0)
    done = pgtandem("import", "alerts", dsn=import_db.owner_dsn)
    assert (done.code, "0 of 3 alerts fire" in done.err) == (0, True), done.err
    jobs(owner, 0, 30)
    done = pgtandem("import", "alerts", "items", "--json", dsn=import_db.owner_dsn)
    assert done.code == 1
    assert [row["alert"] for row in done.json() if row["fired"]] == ["success rate"]
    done = pgtandem("import", "alerts", "--since", "30m", dsn=import_db.owner_dsn)
    assert done.code == 0
    done = pgtandem("import", "alerts", dsn=import_db.owner_dsn)
    assert "CRITICAL" in done.out and "tandem._import_outcomes('items'" in done.out


@pytest.mark.parametrize("span", ["2", "soon", "1h; drop table x", "-1h"])
def test_a_span_that_is_none_is_wrong_use(import_db: Database, span: str) -> None:
    done = pgtandem("import", "alerts", f"--since={span}", dsn=import_db.owner_dsn)
    assert (done.code, "no span of time" in done.err) == (2, True)


def test_a_command_gets_the_alerts_and_no_shell(import_db: Database, tmp_path: Path) -> None:
    target = tmp_path / "told.json"
    copy = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read()); print(sys.argv[2:])"
    told = f'{sys.executable} -c "{copy}" {target} ; touch $HOME "a b"'
    arguments = ("import", "alerts", "--json", "--command", told)
    assert pgtandem(*arguments, dsn=import_db.owner_dsn).code == 0
    assert not target.exists()
    jobs(import_db.owner(), 0, 30)
    done = pgtandem(*arguments, dsn=import_db.owner_dsn)
    assert done.code == 1
    assert [row["alert"] for row in json.loads(target.read_text("utf-8"))] == ["success rate"]
    assert len(done.json()) == len(ALERTS)  # what the command prints is talk
    assert "[';', 'touch', '$HOME', 'a b']" in done.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/nothing/is/here", "cannot be run"),
        (f"{sys.executable} -c 'raise SystemExit(3)'", "ended with 3"),
    ],
)
def test_a_command_that_fails_is_said(import_db: Database, command: str, said: str) -> None:
    jobs(import_db.owner(), 0, 30)
    done = pgtandem("import", "alerts", "--command", command, dsn=import_db.owner_dsn)
    assert (done.code, said in done.err) == (1, True), done.err
    assert "Traceback" not in done.err


def test_a_command_whose_quotes_do_not_close_is_wrong_use(import_db: Database) -> None:
    done = pgtandem("import", "alerts", "--command", "say 'x", dsn=import_db.owner_dsn)
    assert done.code == 2
