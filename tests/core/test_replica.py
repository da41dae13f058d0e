"""A run that waits for a replica: seen with a real one, whose replay is paused."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from pgtandem.server import SUPERUSER, ThrowawayServer
from support.databases import FLAT_TABLE, Connection, TestServer
from support.locks import wait_until
from support.shop import assert_in_step, in_background, last_run, migrate, one, prepared


@contextmanager
def replica_of(server: ThrowawayServer) -> Iterator[Connection]:
    """A streaming replica of a server; a session of its superuser."""
    program = server.binaries.folder / "pg_basebackup"
    if not program.exists():
        pytest.skip(f"there is no pg_basebackup in {server.binaries.folder}")
    who = server._identity
    # not beside the socket of the first: the same port means the same file name
    data, sockets = server.folder / "replica", server.folder / "replica-run"
    for folder in (data, sockets):
        who.make_folder(folder)

    def run(*command: str) -> None:
        done = subprocess.run(
            command, cwd="/", capture_output=True, text=True, check=False, **who.popen
        )
        assert done.returncode == 0, done.stderr or done.stdout

    run(str(program), "--pgdata", str(data), "--write-recovery-conf", "--checkpoint=fast",
        "--no-sync", "--dbname", server.conninfo())  # fmt: skip
    control = [str(server.binaries.folder / "pg_ctl"), "--pgdata", str(data), "--wait"]
    log = str(sockets / "log")
    run(*control, "--log", log, "--options", f"-c unix_socket_directories={sockets}", "start")
    try:
        dsn = psycopg.conninfo.make_conninfo(server.conninfo(), host=str(sockets))
        with psycopg.connect(dsn, autocommit=True) as conn:
            yield conn
    finally:
        run(*control, "--mode=immediate", "stop")


@pytest.mark.slow
def test_a_run_waits_for_a_replica_that_lags() -> None:
    settings = {"wal_level": "replica", "max_wal_senders": "4", "hot_standby": "on"}
    with ThrowawayServer(settings) as primary:
        server = TestServer(primary.conninfo(), primary.binaries, "embedded", primary)
        server.make_roles()
        with replica_of(primary) as replica, server.clone(None) as database:
            from pgtandem.deploy import deploy
            from pgtandem.mapping import load_mapping
            from pgtandem.paths import db_dir

            owner, runner, admin = database.owner(), database.owner(), database.superuser()
            owner.execute(FLAT_TABLE)
            deploy(owner, [load_mapping(db_dir() / "mappings" / "products.toml")])
            admin.execute("grant pg_read_all_stats to shop_owner")
            prepared(owner, 300)
            owner.execute("update tandem.setting set value = '1000' where name = 'max_replica_lag'")
            wait_until(lambda: lag(admin) == 0, "the replica has all")
            replica.execute("select pg_wal_replay_pause()")
            wait_until(
                lambda: one(replica, "select pg_get_wal_replay_pause_state()") == "paused",
                "the replica's replay is paused",
            )
            said: list[str] = []
            runner.add_notice_handler(lambda diag: said.append(diag.message_primary or ""))
            with in_background(runner, lambda: migrate(runner, p_batch_rows=50)) as done:
                wait_until(lambda: any("max_replica_lag" in line for line in said), "it waits")
                assert "migrate products waits: a replica is behind by more" in said[-1]
                assert last_run(owner, "state") == ("running",)
                assert one(owner, "select count(*) from tblproduct where configid is null") > 0
                batches = one(owner, "select max(batches) from tandem.run where kind = 'migrate'")
                replayed = one(replica, "select pg_last_wal_replay_lsn()::text")
                wait_until(lambda: held_for(owner) > 1.2, "two turns of the holding loop")
                assert not done.done()
                assert one(replica, "select pg_last_wal_replay_lsn()::text") == replayed
                assert batches == one(
                    owner, "select max(batches) from tandem.run where kind = 'migrate'"
                )
                replica.execute("select pg_wal_replay_resume()")
                # each batch writes more than the bound: it waits again, and goes on by itself
                done.result(60)
            assert last_run(owner, "state") == ("done",)
            assert_in_step(owner)
            wait_until(lambda: lag(admin) == 0, "the replica has all again")
            dsn = psycopg.conninfo.make_conninfo(
                host=str(primary.folder / "replica-run"), port=primary_port(primary),
                user=SUPERUSER, dbname=database.clone_name,
            )  # fmt: skip
            with psycopg.connect(dsn, autocommit=True) as reader:
                assert one(reader, "select count(*) from tblconfig") == 300


def primary_port(server: ThrowawayServer) -> str:
    """The port, which is part of the socket's name."""
    return str(psycopg.conninfo.conninfo_to_dict(server.conninfo())["port"])


def lag(admin: Connection) -> Any:
    """How many bytes of WAL the replica has not replayed; None while none is connected."""
    return one(
        admin,
        "select (select pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint"
        " from pg_stat_replication)",
    )


def held_for(conn: Connection) -> float:
    """Seconds since the run's last batch."""
    return float(
        one(
            conn,
            "select extract(epoch from clock_timestamp() - max(finished_at)) from tandem.run_batch",
        )
    )
