"""The shop that a module's faults happen to."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from faults.shops import own_shop
from support.databases import Database
from support.shop import migrate


@pytest.fixture(scope="module")
def shop() -> Iterator[Database]:
    """A migrated shop on a server of its own."""
    with own_shop() as database:
        with psycopg.connect(database.owner_dsn, autocommit=True) as conn:
            migrate(conn)
        yield database
