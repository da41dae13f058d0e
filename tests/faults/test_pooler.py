"""PgBouncer in transaction mode between everybody and the server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from faults.shops import ROWS
from support.databases import ROLES, Database
from support.locks import wait_until
from support.programs import OLD, assert_nothing_left_behind, assert_nothing_lost, connect, writing
from support.shop import assert_in_step, one

CONFIG = """
[databases]
{name} = host={host} port={port} dbname={name}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users.txt
logfile = {folder}/log
pool_mode = transaction
default_pool_size = 3
{user}
"""


def listens(path: Path) -> bool:
    """Whether a socket takes connections; its file is there a little earlier."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@contextmanager
def pooled(shop: Database) -> Iterator[Database]:
    """The same shop as seen through a pooler that gives a session to a transaction alone."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).exists():
        if "PGTANDEM_GATES" in os.environ:
            raise FileNotFoundError("pgbouncer; on Debian: apt-get install pgbouncer")
        pytest.skip("pgbouncer is not installed")
    server = conninfo_to_dict(shop.owner_dsn)
    folder = Path(tempfile.mkdtemp(prefix="pool-", dir="/tmp"))
    root = os.geteuid() == 0  # as which it refuses to run
    try:
        (folder / "users.txt").write_text("".join(f'"{role}" ""\n' for role in ROLES))
        (folder / "pool.ini").write_text(
            CONFIG.format(
                name=shop.clone_name,
                host=server["host"],
                port=server["port"],
                folder=folder,
                user="user = nobody" if root else "",
            )
        )
        if root:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "nobody")
        process = subprocess.Popen([program, "-q", str(folder / "pool.ini")])
        try:
            through = Through(shop.server, shop.clone_name, folder=folder)
            wait_until(lambda: listens(folder / ".s.PGSQL.6432"), "the pooler listens")
            yield through
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder)


class Through(Database):
    """A database whose sessions go through the pooler."""

    def __init__(self, *args: object, folder: Path) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.folder = folder

    def dsn(self, role: str | None = None) -> str:
        parts = conninfo_to_dict(super().dsn(role))
        return make_conninfo("", **{**parts, "host": str(self.folder), "port": "6432"})


@pytest.mark.faults
def test_everything_goes_through_a_pooler_in_transaction_mode(shop: Database) -> None:
    """Runs, a cancelled one among them, switches and both sides' writes; nothing of a session of
    ours stays behind in the pool."""
    with pooled(shop) as through, psycopg.connect(through.owner_dsn, autocommit=True) as conn:
        conn.prepare_threshold = None
        with writing(through, ROWS, 1, ("old",)) as writers:
            conn.execute("call tandem.rollback('products', 'keep')")
            threading.Timer(0.3, conn.cancel_safe).start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                conn.execute(
                    "call tandem.migrate('products', p_batch_rows => 20, p_pause_ms => 20)"
                )
            assert one(conn, "select state from tandem.run order by run_id desc limit 1") != "done"
            conn.execute("call tandem.migrate('products', p_batch_rows => 100)")
        with connect(shop.owner_dsn) as direct:
            assert_in_step(direct)
            assert_nothing_left_behind(direct)
            assert_nothing_lost(direct, writers, "old programs, during the runs")
        with writing(through, ROWS, 2) as writers:
            for enabled in (False, True) * 3:
                conn.execute(
                    "select tandem.set_sync('products', 'flat_to_hierarchy', %s)", (enabled,)
                )
                time.sleep(0.1)
            conn.execute("call tandem.repair('products', 'flat', p_dry_run => false)")
    with connect(shop.owner_dsn) as direct:
        assert_in_step(direct)
        assert_nothing_left_behind(direct)
        assert_nothing_lost(
            direct, [one for one in writers if one.statement == OLD], "the flat side's authority"
        )
