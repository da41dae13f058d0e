"""Servers and databases for all tests.

The server: `--dsn` if given, else a container when Docker has the image that PGTANDEM_TEST_IMAGE
names, else the embedded server; the last two one for each pytest worker. On it two template
databases a session, `bare` (only the flat table) and `deployed` (with pgtandem), and a clone of one
of them for each test: the fixtures `bare_db` and `db`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgtandem.server import ThrowawayServer, find_binaries
from support.approved import Approved
from support.containers import postgres_container, wanted_image
from support.databases import FLAT_TABLE, Database, TestServer
from support.statements import SETTINGS, Statements, summary

PASSWORD_KEY = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--dsn",
        help="run on this server, as a superuser or a role with CREATEDB and CREATEROLE",
    )
    parser.addoption(
        "--approve",
        action="store_true",
        help="rewrite the files in tests/approved; then read the diff before you commit it",
    )


def pytest_configure(config: pytest.Config) -> None:
    inherited = getattr(config, "workerinput", {}).get("password")
    config.stash[PASSWORD_KEY] = inherited or secrets.token_hex(16)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """xdist: workers that share a server must agree on the roles' password."""
    node.workerinput["password"] = node.config.stash[PASSWORD_KEY]  # type: ignore[attr-defined]


def pytest_report_header(config: pytest.Config) -> str:
    if config.getoption("--dsn"):
        return "server: --dsn"
    image, why = wanted_image()
    if image:
        return f"server: {why}"
    found = find_binaries()
    return f"server: embedded PostgreSQL {found.major} from {found.folder} ({why})"


@pytest.fixture
def approved(request: pytest.FixtureRequest) -> Approved:
    """Compares a text with a file in tests/approved, or rewrites it with --approve."""
    return Approved(Path(__file__).parent / "approved", bool(request.config.getoption("--approve")))


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestServer]:
    """The session's server, with the roles shop_owner, old_app and new_app."""
    programs = find_binaries()
    password = request.config.stash[PASSWORD_KEY]
    dsn = request.config.getoption("--dsn")
    image, _ = (None, "") if dsn else wanted_image()
    if dsn:
        shared = TestServer(dsn, programs, "dsn", password=password)
        shared.make_roles()
        yield shared
    elif image:
        lock = tmp_path_factory.getbasetemp().parent / "container.lock"
        with postgres_container(image, lock) as url:
            contained = TestServer(url, programs, "container", password=password)
            contained.make_roles()
            yield contained
    else:
        statements = Statements.wanted()
        with ThrowawayServer(SETTINGS if statements else None) as embedded:
            own = TestServer(
                embedded.conninfo(), embedded.binaries, "embedded", embedded, statements=statements
            )
            own.make_roles()
            yield own
        if statements:
            statements.write()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take the roles away again from a server that is not ours, after the last worker."""
    dsn = session.config.getoption("--dsn")
    if dsn and not hasattr(session.config, "workerinput"):
        TestServer(dsn, find_binaries(), "dsn").drop_roles()


@pytest.fixture(scope="session")
def bare_template(server: TestServer) -> Iterator[str]:
    """A template database of shop_owner's that holds only an empty tblproduct."""
    with server.clone(None) as template:
        with psycopg.connect(template.owner_dsn, autocommit=True) as conn:
            conn.execute(FLAT_TABLE)
        yield template.clone_name


@pytest.fixture(scope="session")
def deployed_template(server: TestServer, bare_template: str) -> Iterator[str]:
    """The same with pgtandem and the mapping `products` deployed by shop_owner."""
    from pgtandem.deploy import deploy
    from pgtandem.mapping import load_mapping
    from pgtandem.paths import db_dir

    with server.clone(bare_template) as template:
        with psycopg.connect(template.owner_dsn, autocommit=True) as conn:
            deploy(conn, [load_mapping(db_dir() / "mappings" / "products.toml")])
        if server.statements:
            server.statements.deployed(template.superuser_dsn)
        yield template.clone_name


@pytest.fixture
def bare_db(server: TestServer, bare_template: str) -> Iterator[Database]:
    """This test's own database with an empty tblproduct, without pgtandem."""
    with server.clone(bare_template) as database:
        yield database


@pytest.fixture
def db(server: TestServer, deployed_template: str) -> Iterator[Database]:
    """This test's own database with an empty tblproduct and pgtandem deployed."""
    with server.clone(deployed_template) as database:
        yield database


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have to tell beside passing, such as their seeds: record_property("told", ...)."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(value))
    wanted = Statements.wanted()
    if wanted and wanted.folder.is_dir():
        terminalreporter.section("statements of PL/pgSQL")
        for line in summary(wanted.folder):
            terminalreporter.write_line(line)
