"""A database with the import `items` deployed and its tables made."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from imports.jobs import items
from pgtandem.deploy import deploy
from support.databases import Database, TestServer


@pytest.fixture(scope="session")
def import_template(server: TestServer) -> Iterator[str]:
    """A template database with the default import, prepared by shop_owner."""
    with server.clone(None) as template:
        with psycopg.connect(template.owner_dsn, autocommit=True) as conn:
            deploy(conn, [items()])
            conn.execute("call tandem.prepare('items')")
        if server.statements:
            server.statements.deployed(template.superuser_dsn)
        yield template.clone_name


@pytest.fixture
def import_db(server: TestServer, import_template: str) -> Iterator[Database]:
    """This test's own database with the import `items`, its tables empty."""
    with server.clone(import_template) as database:
        yield database
