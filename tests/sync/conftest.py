"""Templates of migrated shops, and a clone of one for a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, Phase, settings

from pgtandem.deploy import deploy
from pgtandem.mapping import Mapping
from support.databases import TestServer
from sync.shops import Shop, flat_table, orders, products

# A clone serves all examples of a test; each begins with empty tables.
settings.register_profile(
    "laws", max_examples=25, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile(
    "long",
    parent=settings.get_profile("laws"),
    max_examples=int(os.environ.get("PGTANDEM_EXAMPLES", "1000")),
)
# The first failing history as it is, at once; finding the smallest can take minutes.
settings.register_profile(
    "unshrunk",
    parent=settings.get_profile("long"),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "laws"))


class Templates:
    """Template databases with a migrated, empty shop, made when first asked for."""

    def __init__(self, server: TestServer, stack: ExitStack) -> None:
        self._server = server
        self._stack = stack
        self._made: dict[tuple[str, bool], str] = {}

    def of(self, mapping: Mapping) -> str:
        """The template of a mapping."""
        key = (mapping.name, mapping.skip_echo)
        if key not in self._made:
            database = self._stack.enter_context(self._server.clone(None))
            shop = Shop(database, mapping)
            shop.owner.execute(flat_table(mapping).encode())
            deploy(shop.owner, [mapping])
            shop.migrate()
            database.close_all()
            self._made[key] = database.clone_name
        return self._made[key]


@pytest.fixture(scope="session")
def templates(server: TestServer) -> Iterator[Templates]:
    """Template databases with a migrated, empty shop."""
    with ExitStack() as stack:
        yield Templates(server, stack)


@pytest.fixture
def shop(server: TestServer, templates: Templates) -> Iterator[Shop]:
    """An empty catalogue, migrated, both directions on, in a database of its own."""
    mapping = products()
    with server.clone(templates.of(mapping)) as database:
        yield Shop(database, mapping)


@pytest.fixture(params=[True, False], ids=["", "echo"])
def both(
    request: pytest.FixtureRequest, server: TestServer, templates: Templates
) -> Iterator[Shop]:
    """`shop` with the echo shortcut, and without it."""
    mapping = products(request.param)
    with server.clone(templates.of(mapping)) as database:
        yield Shop(database, mapping)


@pytest.fixture
def order_shop(server: TestServer, templates: Templates) -> Iterator[Shop]:
    """The same with the tests' other mapping."""
    mapping = orders()
    with server.clone(templates.of(mapping)) as database:
        yield Shop(database, mapping)


@pytest.fixture(
    params=[("products", True), ("products", False), ("orders", True), ("orders", False)],
    ids=["products", "products-echo", "orders", "orders-echo"],
)
def any_shop(
    request: pytest.FixtureRequest, server: TestServer, templates: Templates
) -> Iterator[Shop]:
    """Both mappings, each with the echo shortcut and without it."""
    name, skip_echo = request.param
    mapping = products(skip_echo) if name == "products" else orders(skip_echo)
    with server.clone(templates.of(mapping)) as database:
        yield Shop(database, mapping)
