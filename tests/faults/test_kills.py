"""SIGKILL at random moments of every verb, while programs write: a hundred and more.

Each case is one verb and one thing that is killed. It begins where the verb begins, kills, lets the
same call go on, and goes forward to the migrated shop. Whatever was killed when: what a program was
told is committed is there, once, on both sides. PGTANDEM_SEED repeats a run, PGTANDEM_KILLS says
how many times each case kills.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults.shops import ROWS
from pgtandem.bundle import write_bundle
from pgtandem.mapping import parse_mapping
from pgtandem.paths import db_dir
from support.databases import Database
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
    run_to_its_end,
    writing,
)
from support.shop import assert_in_step, one

KILLS = int(os.environ.get("PGTANDEM_KILLS", "5"))
BOTH, OLD_ALONE = ("old", "new"), ("old",)


@dataclass(frozen=True)
class Verb:
    """How a verb begins (`before`, from a migrated shop), what is called, and who may write.

    New programs write only where what they write is synced as soon as it is there.
    """

    before: tuple[str, ...]
    call: str
    writers: tuple[str, ...] = OLD_ALONE


BACK = "call tandem.rollback('products', 'keep', true)"
PREPARE = "call tandem.prepare('products')"
MIGRATE = "call tandem.migrate('products', p_batch_rows => 60, p_pause_ms => 2)"
OFF = "select tandem.set_sync('products', 'hierarchy_to_flat', false)"
ON = "select tandem.set_sync('products', 'hierarchy_to_flat', true)"
VERBS = {
    "prepare": Verb((BACK,), PREPARE),
    "migrate": Verb((BACK, PREPARE), MIGRATE),
    "migrate what was removed": Verb(
        ("call tandem.rollback('products', 'remove')",), MIGRATE, BOTH
    ),
    "repair": Verb(
        (OFF, "update tblconfig set sku = 'adrift' where name like '%7'", ON),
        "call tandem.repair('products', 'flat', p_dry_run => false)",
    ),
    "rollback": Verb((), "call tandem.rollback('products', 'keep')"),
    "rollback that removes": Verb((), "call tandem.rollback('products', 'remove')"),
    "switching": Verb((), ";".join([OFF, ON] * 15), OLD_ALONE),
    "deploy": Verb((), "", BOTH),
}  # fmt: skip


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two bundles that differ, so that deploying one after the other always has work to do."""
    source = (db_dir() / "mappings" / "products.toml").read_text(encoding="utf-8")
    paths = []
    for number in (1, 2):
        path = tmp_path_factory.mktemp("bundle") / f"{number}.sql"
        write_bundle([parse_mapping(f"{source}\n# build {number}\n")], path)
        paths.append(path)
    return paths


def client_command(shop: Database, verb: Verb, bundles: list[Path], turn: int) -> list[str]:
    psql = [str(shop.server.programs.psql), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    psql += ["-d", shop.owner_dsn]
    if not verb.call:
        return [*psql, "-f", str(bundles[turn % 2])]
    for statement in verb.call.split(";"):
        psql += ["-c", statement]
    return psql


def forward(shop: Database) -> None:
    """To the migrated shop, from wherever it is."""
    with connect(shop.owner_dsn) as conn:
        if one(conn, "select phase from tandem.status") == "deployed":
            conn.execute(PREPARE)
        if one(conn, "select phase from tandem.status") != "migrated":
            conn.execute(MIGRATE)
        conn.execute(ON)


@pytest.mark.faults
@pytest.mark.parametrize("kill", [kill_backend, kill_client, kill_server])
@pytest.mark.parametrize("name", VERBS)
def test_killed_at_any_moment_nothing_is_lost(  # noqa: PLR0917 - fixtures
    shop: Database,
    bundles: list[Path],
    name: str,
    kill: Kill,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    seed = int(os.environ.get("PGTANDEM_SEED") or random.SystemRandom().randrange(10**6))
    rnd, log, verb = random.Random(seed), tmp_path / "psql.log", VERBS[name]
    killed, turn, took = 0, 0, 0.3
    while killed < KILLS:
        turn += 1
        assert turn < 8 * KILLS, "it ends before it can be killed"
        with connect(shop.owner_dsn) as conn:
            for statement in verb.before:
                conn.execute(statement.encode())
        command = client_command(shop, verb, bundles, turn)
        what = f"PGTANDEM_SEED={seed}, turn {turn}"
        with ended_clients(log) as start:
            with writing(shop, ROWS, seed + turn, verb.writers) as writers:
                time.sleep(0.15)
                client = start(command)
                time.sleep(rnd.uniform(0.01, took))
                pid = ask(
                    shop.owner_dsn,
                    "select coalesce(max(pid), 0) from pg_stat_activity"
                    " where application_name = 'psql' and usename = 'shop_owner'",
                )
                if client.poll() is None and isinstance(pid, int) and pid:
                    killed += kill(shop, client, pid)
                took = max(0.1, (took + run_to_its_end(command, log, start)) / 2)
                time.sleep(0.1)
            forward(shop)
        with connect(shop.owner_dsn) as conn:
            assert_in_step(conn)
            assert_nothing_left_behind(conn)
            assert_nothing_lost(conn, writers, what)
            counts = conn.execute(
                "select count(*), count(distinct configid), (select count(*) from tblconfig)"
                " from tblproduct"
            ).fetchone()
            assert counts == (ROWS, ROWS, ROWS), what
    record_property("told", f"{name}, {kill.__name__}: {killed} kills, PGTANDEM_SEED={seed}")
