"""SIGKILL of a backend, of the client and of the server while both sides write; then resume."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgtandem.deploy import deploy
from pgtandem.mapping import load_mapping
from pgtandem.paths import db_dir
from pgtandem.server import ThrowawayServer
from support.databases import FLAT_TABLE, Database, TestServer
from support.programs import (
    Kill,
    ask,
    assert_nothing_left_behind,
    assert_nothing_lost,
    connect,
    ended_clients,
    kill_backend,
    kill_client,
    kill_server,
    writing,
)
from support.shop import assert_in_step, prepared

ROWS = 20_000
CALL = "call tandem.migrate('products', p_batch_rows => 200, p_pause_ms => 5)"


@pytest.fixture(scope="module")
def killable() -> Iterator[TestServer]:
    """A server of this module's own."""
    with ThrowawayServer() as embedded:
        own = TestServer(embedded.conninfo(), embedded.binaries, "embedded", embedded)
        own.make_roles()
        yield own


@pytest.fixture
def shop(killable: TestServer) -> Iterator[Database]:
    """A filled and prepared shop on that server."""
    with killable.clone(None) as database:
        with psycopg.connect(database.owner_dsn, autocommit=True) as conn:
            conn.execute(FLAT_TABLE)
            deploy(conn, [load_mapping(db_dir() / "mappings" / "products.toml")])
            prepared(conn, ROWS)
        database.grant_new_app()
        yield database


@pytest.mark.parametrize(
    "kills",
    [(kill_backend, kill_server), (kill_client, kill_backend)],
    ids=["backend and server", "client and backend"],
)
def test_a_killed_migration_goes_on_and_does_every_row_once(
    shop: Database,
    kills: tuple[Kill, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seed = int(os.environ.get("PGTANDEM_SEED") or random.SystemRandom().randrange(10**6))
    with capsys.disabled():
        print(f" [PGTANDEM_SEED={seed}]", end="", flush=True)
    rnd, log = random.Random(seed), tmp_path / "psql.log"
    watch = "select coalesce(max(read_rows), 0) from tandem.run where kind = 'migrate'"
    psql = [str(shop.server.programs.psql), "-X", "-q", "-d", shop.owner_dsn, "-c", CALL]
    state = "select state from tandem.run where kind = 'migrate'"
    # a killed client's session works on for a moment, and may pass the next target before it ends
    lives = (
        "select exists (select from pg_stat_activity as a join tandem.run as r"
        " on r.backend_pid = a.pid where r.kind = 'migrate')"
    )
    with writing(shop, ROWS, seed) as writers, ended_clients(log) as started:
        for i, kill in enumerate(kills):
            client, deadline = started(psql), time.monotonic() + 30
            target = (i + rnd.uniform(0.1, 0.9)) * ROWS / (len(kills) + 1)
            while int(str(ask(shop.owner_dsn, watch))) < target or not ask(shop.owner_dsn, lives):
                if client.poll() is not None:  # met the server's recovery from the kill before
                    assert time.monotonic() < deadline, log.read_text()
                    client = started(psql)
                time.sleep(0.005)
            time.sleep(rnd.uniform(0, 0.05))  # anywhere inside a batch or between two
            pid = ask(shop.owner_dsn, "select backend_pid from tandem.run where kind = 'migrate'")
            assert isinstance(pid, int)
            assert ask(shop.owner_dsn, state) == "running"
            assert kill(shop, client, pid)
        with connect(shop.owner_dsn) as conn:
            conn.execute(CALL)
            time.sleep(0.2)
    with connect(shop.owner_dsn) as conn:
        assert_in_step(conn)
        row = conn.execute(
            "select state, attempt, total_rows, read_rows, written_rows + unchanged_rows,"
            " rejected_rows from tandem.run where kind = 'migrate'"
        ).fetchall()
        attempts = len(kills) + 1
        assert row == [("done", attempts, ROWS, ROWS, ROWS, 0)]
        once = conn.execute(
            "select count(*), count(distinct configid), (select count(*) from tblconfig)"
            " from tblproduct"
        ).fetchone()
        assert once == (ROWS, ROWS, ROWS)
        assert_nothing_left_behind(conn)
        assert_nothing_lost(conn, writers, f"seed {seed}")
