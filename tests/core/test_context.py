"""Where a verb that commits may be called, and what is said where it may not."""

from __future__ import annotations

import os
import subprocess

import psycopg
import pytest

from support.databases import Database
from support.shop import Connection, assert_in_step, contents, fill, one, prepared

CALL = "call tandem.migrate('products')"


def psql(db: Database, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """psql as shop_owner, stopping at the first error."""
    command = [str(db.server.programs.psql), "-X", "-v", "ON_ERROR_STOP=1", "-d", db.owner_dsn]
    return subprocess.run(
        [*command, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


def assert_refused(error: psycopg.Error, step: str = "tandem.migrate_step") -> None:
    """2D000, and a hint that says what to do and names the step function."""
    assert error.sqlstate == "2D000", str(error)
    hint = error.diag.message_hint or ""
    assert step in hint
    assert "autocommit" in hint
    assert "must be called alone" in (error.diag.message_primary or "")


def test_alone_with_autocommit(db: Database) -> None:
    conn = db.owner()
    fill(conn, 50)
    conn.execute("call tandem.prepare('products')")
    conn.execute(CALL)
    assert_in_step(conn)


def test_alone_in_psql(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 50)
    done = psql(db, "-c", CALL)
    assert done.returncode == 0, done.stderr
    assert "NOTICE" in done.stderr
    assert_in_step(conn)


def test_a_psql_script_is_one_statement_after_the_other(db: Database) -> None:
    conn = db.owner()
    fill(conn, 50)
    done = psql(db, stdin=f"call tandem.prepare('products');\nselect 1;\n{CALL};\n")
    assert done.returncode == 0, done.stderr
    assert_in_step(conn)


def test_psql_in_a_single_transaction_is_refused(db: Database) -> None:
    prepared(db.owner(), 10)
    done = psql(db, "--single-transaction", "-v", "VERBOSITY=verbose", stdin=CALL + ";\n")
    assert done.returncode != 0
    assert "2D000" in done.stderr
    assert "tandem.migrate_step" in done.stderr


@pytest.mark.parametrize("verb", ["prepare", "migrate"])
def test_inside_begin_is_refused(db: Database, verb: str) -> None:
    conn = db.owner()
    prepared(conn, 10)
    before = contents(conn)
    conn.execute("begin")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(f"call tandem.{verb}('products')".encode())
    assert_refused(caught.value, f"tandem.{verb}_step")
    conn.execute("rollback")
    assert contents(conn) == before


def test_psycopg_without_autocommit_is_refused(db: Database) -> None:
    prepared(db.owner(), 10)
    conn = db.connect(db.owner_dsn, autocommit=False)
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(CALL)
    assert_refused(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        f"do $$ begin {CALL}; exception when sqlstate 'XX999' then null; end $$",
        f"begin; {CALL}; commit",
        f"select 1; {CALL}",
        f"{CALL}; select 1",
    ],
    ids=["block with exception", "begin in one message", "second of two", "first of two"],
)
def test_a_message_that_cannot_commit_is_refused(db: Database, statement: str) -> None:
    conn = db.owner()
    prepared(conn, 10)
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement.encode())
    assert_refused(caught.value)
    conn.execute("rollback")
    assert one(conn, "select count(*) from tandem.run where kind = 'migrate'") == 0


def test_several_statements_in_one_psql_message_are_refused(db: Database) -> None:
    prepared(db.owner(), 10)
    done = psql(db, "-v", "VERBOSITY=verbose", "-c", f"select 1; {CALL}")
    assert done.returncode != 0
    assert "2D000" in done.stderr
    assert "tandem.migrate_step" in done.stderr


def test_from_a_function_is_refused(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 10)
    conn.execute(
        f"create function run() returns void language plpgsql as $$ begin {CALL}; end $$".encode()
    )
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("select run()")
    assert_refused(caught.value)


def test_from_execute_is_refused(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 10)
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(f"do $do$ begin execute $x${CALL}$x$; end $do$".encode())
    assert_refused(caught.value)


def test_from_a_plain_do_block_or_procedure_works(db: Database) -> None:
    # Alone in its message, a DO block may commit, and so may what it calls.
    conn = db.owner()
    prepared(conn, 10)
    conn.execute(f"do $$ begin {CALL}; end $$".encode())
    conn.execute(f"create procedure nightly() language plpgsql as $$ begin {CALL}; end $$".encode())
    conn.execute("call nightly()")
    assert_in_step(conn)


def test_a_do_block_inside_begin_is_refused(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 10)
    conn.execute("begin")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(f"do $$ begin {CALL}; end $$".encode())
    assert_refused(caught.value)


def test_one_transaction_inside_begin_works(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 50)
    conn.execute("begin")
    conn.execute("call tandem.migrate('products', p_one_transaction => true)")
    conn.execute("commit")
    assert_in_step(conn)


def test_one_transaction_in_psql_with_other_statements_works(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 50)
    done = psql(
        db, "-c", "select 1; call tandem.migrate('products', p_one_transaction => true); select 2"
    )
    assert done.returncode == 0, done.stderr
    assert_in_step(conn)


def _other_language(conn: Connection) -> str | None:
    """An lc_messages in which the server says something else than in English."""
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "es_ES.UTF-8", "it_IT.UTF-8", "ja_JP.UTF-8"):
        try:
            conn.execute("select set_config('lc_messages', %s, false)", (name,))
            conn.execute("select 1 / 0")
        except psycopg.errors.DivisionByZero as error:
            if error.diag.message_primary != "division by zero":
                return name
        except psycopg.errors.InvalidParameterValue:
            continue
    return None


def test_the_context_is_told_apart_in_any_language(db: Database) -> None:
    conn = db.superuser()  # lc_messages is a superuser's setting
    fill(conn, 20)
    conn.execute("call tandem.prepare('products')")
    if _other_language(conn) is None:
        pytest.skip("this server has no translations for a locale of this machine")
    conn.execute("begin")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(CALL)
    assert_refused(caught.value)
    conn.execute("rollback")
    conn.execute(CALL)
    assert_in_step(conn)
