"""The network between client and server is cut while a run is on its way and programs write."""

from __future__ import annotations

import contextlib
import os
import random
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from faults.shops import ROWS
from support.databases import Database
from support.programs import (
    assert_nothing_left_behind,
    assert_nothing_lost,
    connect,
    ended_clients,
    run_to_its_end,
    writing,
)
from support.shop import assert_in_step

CUTS = 4
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST


class Network:
    """Carries bytes between TCP clients and the server's socket, until it is cut."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._silent = False
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            self._pairs.append((client, server))
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        to = {client: server, server: client}
        with selectors.DefaultSelector() as ready, contextlib.suppress(OSError, ValueError):
            for one in to:
                ready.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    assert isinstance(key.fileobj, socket.socket)
                    data = key.fileobj.recv(65536)
                    if not data:
                        to[key.fileobj].close()
                        return
                    if not self._silent:
                        to[key.fileobj].sendall(data)

    def reset(self) -> None:
        """Both ends learn at once that the other one has gone."""
        for pair in self._pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                one.close()
        self._pairs.clear()

    def go_silent(self) -> None:
        """Nothing arrives any more, and nobody is told."""
        self._silent = True

    def heal(self) -> None:
        """What hung is broken off; new connections work."""
        self.reset()
        self._silent = False

    def close(self) -> None:
        self._closed = True
        self._listener.close()
        self.reset()


@contextmanager
def network(shop: Database) -> Iterator[Network]:
    parts = conninfo_to_dict(shop.owner_dsn)
    carried = Network(f"{parts['host']}/.s.PGSQL.{parts['port']}")
    try:
        yield carried
    finally:
        carried.close()


@pytest.mark.faults
@pytest.mark.parametrize("silent", [False, True], ids=["reset", "silence"])
def test_the_network_is_cut_and_the_same_call_goes_on(
    shop: Database, silent: bool, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """A backend that talks to nobody goes on or ends; either way the next call ends the job."""
    seed = int(os.environ.get("PGTANDEM_SEED") or random.SystemRandom().randrange(10**6))
    rnd, log = random.Random(seed), tmp_path / "psql.log"
    call = "call tandem.migrate('products', p_batch_rows => 40, p_pause_ms => 4)"
    with network(shop) as carried:
        dsn = make_conninfo(shop.owner_dsn, host="127.0.0.1", port=str(carried.port))
        command = [str(shop.server.programs.psql), "-X", "-d", dsn, "-c", call]
        for turn in range(CUTS):
            what = f"PGTANDEM_SEED={seed}, turn {turn}"
            with connect(shop.owner_dsn) as conn:
                conn.execute("call tandem.rollback('products', 'remove')")
            with ended_clients(log) as start, writing(shop, ROWS, seed + turn) as writers:
                client = start(command)
                time.sleep(rnd.uniform(0.05, 0.4))
                if silent:
                    carried.go_silent()
                    time.sleep(0.3)
                    client.kill()
                    carried.heal()
                else:
                    carried.reset()
                client.wait(30)
                run_to_its_end(command, log, start)
                time.sleep(0.1)
            with connect(shop.owner_dsn) as conn:
                assert_in_step(conn)
                assert_nothing_left_behind(conn)
                assert_nothing_lost(conn, writers, what)
    record_property(
        "told", f"{'silence' if silent else 'reset'}: {CUTS} cuts, PGTANDEM_SEED={seed}"
    )
