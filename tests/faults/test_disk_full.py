"""The disk that holds the new tables is full in the middle of a migration."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from faults.shops import deployed_shop
from support.programs import assert_nothing_left_behind, assert_nothing_lost, writing
from support.shop import assert_in_step, last_run, one

ROWS = 6000
SMALL, LARGE = "2m", "64m"


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of its own for a tablespace; only root can mount one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = Path(tempfile.mkdtemp(prefix="disk-", dir="/tmp"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        shutil.chown(folder, os.environ.get("PGTANDEM_PG_USER") or "nobody")
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


@pytest.mark.faults
def test_a_full_disk_stops_the_run_and_more_room_lets_it_go_on() -> None:
    """No row is rejected for want of room: that is no row's own fault. What an old program was told
    is committed stays, and its other writes fail as they would without the sync."""
    with small_disk() as folder, deployed_shop(ROWS) as shop:
        admin, owner = shop.superuser(), shop.owner()
        admin.execute(f"create tablespace small location '{folder}'".encode())
        admin.execute("grant create on tablespace small to public")
        owner.execute("set default_tablespace = small")
        owner.execute("call tandem.prepare('products')")
        owner.execute("reset default_tablespace")
        shop.grant_new_app()
        with writing(shop, ROWS, 1, ("old",)) as writers:
            with pytest.raises(psycopg.errors.DiskFull):
                owner.execute("call tandem.migrate('products')")
            state, code, rejected = last_run(owner, "state", "error_sqlstate", "rejected_rows")
            assert (state, code, rejected) == ("paused", "53100", 0)
            assert "tandem.migrate" in str(one(owner, "select next_step from tandem.status"))
            subprocess.run(["mount", "-o", f"remount,size={LARGE}", str(folder)], check=True)
            owner.execute("call tandem.migrate('products')")
        assert last_run(owner, "state", "attempt") == ("done", 2)
        assert_in_step(owner)
        assert_nothing_left_behind(owner)
        assert_nothing_lost(owner, writers, "a full disk")
