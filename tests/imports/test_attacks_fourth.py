"""A fourth round of attacks on imports: mappings that change under them, columns and sessions with
ways of their own, workers and comparisons that do not end."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest

from imports.jobs import Counts, counts, state, submit
from imports.test_other_mappings import BARE, ready, run
from imports.test_worker import ROWS, WAIT_AT
from imports.test_worker_command import known, worker
from pgtandem.deploy import deploy, undeploy
from pgtandem.errors import TandemError
from pgtandem.import_mapping import parse_import_mapping
from support.cli import pgtandem, start
from support.databases import Database
from support.locks import wait_until
from support.shop import in_background, one

# mappings that change

SUBMIT = """
select tandem.submit_import(
    'stock', '[{"code": "A", "boxes": "7"}, {"code": "B", "boxes": "8"}]', p_key => 'a'
)
"""
HIGHER = BARE.replace('{ boxes = "boxes"', '{ height = "height", boxes = "boxes"').replace(
    '{ boxes = "smallint"', '{ height = "smallint", boxes = "smallint"'
)


@pytest.mark.parametrize("kind", ["dead", "old path", "half done"])
def test_a_mapping_with_imports_that_are_not_done_is_not_changed(
    bare_db: Database, kind: str
) -> None:
    """Where a field stands was looked up when they were handed in: boxes were written as height."""
    conn = ready(bare_db, BARE, "stock")
    conn.execute("alter table shelf add height smallint")
    if kind == "old path":
        conn.execute("select tandem.set_import_flag('stock', 'false')")
    import_id = one(conn, SUBMIT)
    if kind == "half done":
        conn.execute("call tandem.run_import(%s, p_batch_rows => 1, p_max_batches => 2)", (1,))
    if kind != "old path":
        conn.execute("update tandem.import_job set state = 'dead', finished_at = now()")
    conn.execute("select tandem.set_import_flag('stock', 'false')")
    conn.execute("call tandem.rollback('stock')")
    with pytest.raises(psycopg.Error, match="has imports that are not done") as caught:
        deploy(conn, [parse_import_mapping(HIGHER)])
    assert caught.value.sqlstate == "TD005"
    # as it is, it may be deployed again, and the import goes on
    deploy(conn, [parse_import_mapping(BARE + "# unchanged\n")])
    cure = str(caught.value.diag.message_hint).partition("later: ")[2]
    assert conn.execute(cure.encode()).fetchall() == [("cancelled",)]
    ready(bare_db, HIGHER, "stock")
    assert state(conn, import_id) == "cancelled"


def test_imports_that_wait_are_not_lost_by_undeploy(bare_db: Database) -> None:
    """And a mapping of the same name does not do them: its fields may stand elsewhere."""
    conn = ready(bare_db, BARE, "stock")
    conn.execute("alter table shelf add height smallint")
    import_id = one(conn, SUBMIT)
    with pytest.raises(TandemError) as caught:
        undeploy(conn, ["stock"])
    assert "1 imports that are not done" in str(caught.value.detail)
    undeploy(conn, ["stock"], discard_kept=True)
    ready(bare_db, HIGHER, "stock")
    assert state(conn, import_id) == "cancelled"
    conn.execute("call tandem.work_imports()")
    assert one(conn, "select count(*) from shelf") == 0
    again = one(conn, SUBMIT)
    conn.execute("call tandem.run_import(%s)", (again,))
    assert conn.execute("select boxes, height from shelf order by 1").fetchall() == [
        (7, None),
        (8, None),
    ]


def test_an_import_whose_table_has_left_the_mapping_is_not_undone_in_part(
    bare_db: Database,
) -> None:
    """It was done, they said, and nothing of that table was taken back, nor listed as kept."""
    conn = ready(bare_db, BARE, "stock")
    import_id = run(conn, "stock", [{"code": "A", "boxes": "7"}], "new")
    conn.execute("select tandem.set_import_flag('stock', 'false')")
    conn.execute("call tandem.rollback('stock')")
    deploy(conn, [parse_import_mapping(BARE.replace('table = "shelf"', 'table = "rack"'))])
    with pytest.raises(psycopg.Error, match="wrote the table shelf, which") as caught:
        conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert caught.value.sqlstate == "TD067"
    assert one(conn, "select count(*) from tandem.import_undone") == 0
    deploy(conn, [parse_import_mapping(BARE)])
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert one(conn, "select count(*) from shelf") == one(conn, "select count(*) from place") == 0


# keys that compare in a way of their own

PLACE = """
create table place (
    place_id bigint generated always as identity primary key, code {} not null,
    deleted_at timestamptz
)
"""
ICU = "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
CITEXT = "create extension citext"
DOMAIN = f"{CITEXT}; create domain code as citext check (value <> '')"


def with_place(db: Database, needs: str, code: str) -> None:
    """A table whose key is of another type; where the server has it."""
    try:
        db.superuser().execute(needs.encode())
    except psycopg.Error as error:
        pytest.skip(f"this server cannot: {error}")
    db.owner().execute(PLACE.format(code).encode())


@pytest.mark.parametrize(
    ("needs", "code", "match"),
    [
        (ICU, "text collate ci", "exact"),
        (ICU, "text collate ci", "normalised"),
        (CITEXT, "citext", "exact"),
        (DOMAIN, "code", "exact"),
    ],
)
def test_a_key_to_which_other_names_are_the_same_is_refused_by_prepare(
    bare_db: Database, needs: str, code: str, match: str
) -> None:
    """The unique index took `a` for the `A` of the same batch, and the import did not: the row was
    counted as inserted, and nothing of it was there."""
    with_place(bare_db, needs, code)
    source = BARE.replace('key = "code"', f'key = "code"\nmatch = "{match}"')
    why = "key column code is (of the collation )?public.ci(text)?|key column code is public.code"
    with pytest.raises(psycopg.Error, match=why) as caught:
        ready(bare_db, source, "stock")
    assert caught.value.sqlstate == "TD004"


@pytest.mark.parametrize("importer", ["new", "old"])
@pytest.mark.parametrize(("needs", "code"), [(CITEXT, "citext"), (DOMAIN, "code")])
def test_names_that_are_matched_normalised_may_be_citext(
    bare_db: Database, needs: str, code: str, importer: str
) -> None:
    with_place(bare_db, needs, code)
    source = BARE.replace('key = "code"', 'key = "code"\nmatch = "normalised"')
    conn = ready(bare_db, source, "stock")
    rows: list[dict[str, str | None]] = [{"code": "A", "boxes": "1"}, {"code": "B", "boxes": "2"}]
    first = run(conn, "stock", rows, importer)
    assert counts(conn, first) == Counts(inserted=2)
    rows = [{"code": "a", "boxes": "3"}, {"code": "b", "boxes": "2"}, {"code": "A", "boxes": "4"}]
    second = run(conn, "stock", rows, importer)
    assert counts(conn, second) == Counts(updated=1, unchanged=1, superseded=1)
    conn.execute("call tandem.undo_import(%s)", (second,))
    assert one(conn, "select boxes from shelf join place using (place_id) where code = 'A'") == 1
    conn.execute("call tandem.undo_import(%s)", (first,))
    assert one(conn, "select count(*) from place") == 0


# settings of roles


@pytest.mark.parametrize(
    "setting",
    [
        "client_encoding = 'LATIN1'",
        "datestyle = 'German'",
        "datestyle = 'SQL, DMY'",
    ],
)
def test_the_commands_work_whatever_a_role_s_sessions_read_and_print(
    import_db: Database, setting: str, tmp_path: Path
) -> None:
    """A name that the role's encoding lacks ended them with a traceback, and so did a time that is
    not printed in ISO's order, when the import was done already."""
    role = f"alter role shop_owner in database {import_db.clone_name}"
    import_db.superuser().execute(f"{role} set {setting}".encode())
    file = tmp_path / "商品.csv"
    file.write_text("name,color,price\n布地,Rød,1.5\n", encoding="utf-8")
    again = ("--again", "--background")
    for command in (
        ("run", "items", file, "--dry-run"),
        ("run", "items", file, "--failed", tmp_path / "failed.csv"),
        ("compare", "items", file, "--allow-lock"),
        ("run", "items", file, *again),
        ("status",),
        ("status", "2"),
        ("report", "-o", tmp_path / "report.html"),
        ("undo", "2", "--yes"),
    ):
        done = pgtandem("import", *command, dsn=import_db.owner_dsn)
        assert done.code == 0, done.err
    owner = import_db.owner(client_encoding="UTF8")
    assert one(owner, "select source from tandem.import_job where import_id = 2") == file.name
    assert one(owner, "select count(*) from item_master") == 0


# workers


def test_a_worker_that_is_stopped_while_it_has_no_server_has_ended_well(
    import_db: Database,
) -> None:
    """It ended as one that was interrupted (130): a unit of systemd that was stopped so has failed,
    and whoever is told of failed units is told of a restart of the server."""
    conn = import_db.owner()
    with import_db.server.admin() as admin, worker(import_db) as process:
        wait_until(lambda: known(conn) == 1, "a worker")
        pid = one(conn, "select backend_pid from tandem.import_worker")
        admin.execute(f"alter database {import_db.clone_name} allow_connections false".encode())
        conn.execute("select pg_terminate_backend(%s)", (pid,))
        assert process.stderr is not None
        while "Connecting again" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_worker_that_loses_its_rights_ends_and_another_goes_on(import_db: Database) -> None:
    conn, holder = import_db.owner(), import_db.owner()
    conn.execute("select tandem.grant_to('new_app', 'operator')")
    conn.execute(WAIT_AT)
    holder.execute("begin; select pg_advisory_xact_lock(77)")
    import_id = submit(conn, ROWS, batch_rows=5)
    command = ("--dsn", import_db.new_app_dsn, "worker")
    with start(*command, dsn=None) as process:
        where = "select next_row from tandem.import_job"
        wait_until(lambda: one(conn, where) == 16, "batch 4")
        conn.execute("revoke all on all routines in schema tandem from new_app")
        holder.rollback()
        _, said = process.communicate(timeout=60)
    assert (process.returncode, "42501" in said) == (1, True)
    conn.execute("call tandem.work_imports()")
    assert (state(conn, import_id), counts(conn, import_id)) == ("done", Counts(inserted=30))


# comparisons


def test_a_comparison_ends_though_others_have_locked_a_table(
    import_db: Database, tmp_path: Path
) -> None:
    """It had failed after a quarter of a second, and then stood: the session that measures how long
    others wait was waiting itself, for as long as the other transaction was open."""
    conn, holder = import_db.owner(), import_db.owner()
    file = tmp_path / "items.csv"
    file.write_text("name,color\nShirt,Red\n", encoding="utf-8")
    holder.execute("begin; lock table color_master in share mode")
    command = ("import", "compare", "items", file, "--allow-lock")
    with start(*command, dsn=import_db.owner_dsn) as process:
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, "55P03" in said) == (1, True), said
    assert one(conn, "select count(*) from tandem.import_job") == 0


# the end of the old path


def test_the_old_path_may_be_retired_while_the_new_one_imports(import_db: Database) -> None:
    conn, holder, session = import_db.owner(), import_db.owner(), import_db.owner()
    conn.execute(WAIT_AT)
    holder.execute("begin; select pg_advisory_xact_lock(77)")
    running, queued = submit(conn, ROWS, batch_rows=5), submit(conn, [{"name": "Late"}])

    def work() -> None:
        session.execute("call tandem.work_imports()")

    with in_background(session, work) as working:
        wait_until(lambda: one(conn, "select max(next_row) from tandem.import_job") == 16, "batch")
        conn.execute("select tandem.retire_import('items')")
        holder.rollback()
        working.result(60)
    assert counts(conn, running) == Counts(inserted=30)
    assert counts(conn, queued) == Counts(inserted=1)
