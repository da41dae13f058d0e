"""A parent is renamed or moved in the hierarchy while its flat rows are not migrated yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from pgtandem.deploy import deploy
from pgtandem.sqltext import literal
from support.databases import Database, TestServer
from support.locks import wait_until
from support.shop import migrate, one
from sync.catalogue import assert_same
from sync.conftest import Templates
from sync.histories import NEW, OLD
from sync.scheduler import Session
from sync.shops import Row, Shop, flat_table, orders, products, sqlstate
from sync.test_attacks import ROW, drift, synced
from sync.test_laws import hasten_deadlocks
from sync.test_traps_migration import until_rows
from sync.test_way_forward import until_rows as until_the_first_row

# (name, version, catalog) of the keys 1, 2, ...: of each parent one row is migrated, others wait
ROWS: list[tuple[str, str | None, str | None]] = [
    ("A", "v", "c"),
    ("A", None, " "),
    ("B", "v", "c"),
    ("A", "v", "c"),
    ("A", "v", "d"),
    ("A", "", None),
    ("A", "1", "default"),
    ("B", "v", "c"),
    ("A", "w", "c"),
    ("New", None, None),
]
MIGRATED = 3


@pytest.fixture
def half(db: Database) -> Shop:
    """A shop in phase syncing: the first rows are migrated, the others wait."""
    shop = Shop(db, products())
    shop.owner.execute("call tandem.prepare('products')")
    shop.grant()
    for row in ROWS:
        shop.owner.execute(
            "insert into tblproduct (productname, version, catalogname, configname)"
            " values (%s, %s, %s, 'n')",
            row,
        )
    until_rows(shop, MIGRATED)
    assert shop.value("select phase from tandem.mapping") == "syncing"
    assert shop.value("select count(configid) from tblproduct") == MIGRATED
    return shop


def finish(shop: Shop) -> list[Row]:
    """Migrate the rest; both sides agree; name, version and catalog of each flat row by key."""
    shop.owner.execute("call tandem.migrate('products')")
    assert shop.value("select phase from tandem.mapping") == "migrated"
    assert_same(shop)
    return shop.rows("select productname, version, catalogname from tblproduct order by productid")


def bases(shop: Shop) -> list[str]:
    return [row[0] for row in shop.rows("select name from tblbaseproduct order by 1")]


def with_changes(*changes: tuple[int, tuple[str, str | None, str | None]]) -> list[Row]:
    """ROWS with the rows of some keys changed."""
    changed = dict(changes)
    return [changed.get(key, row) for key, row in enumerate(ROWS, 1)]


def of_base(name: str) -> str:
    return f"(select baseproductid from tblbaseproduct where name = '{name}')"


def of_version(base: str, version: str) -> str:
    return (
        f"(select versionid from tblproductversion where version = '{version}'"
        f" and baseproductid = {of_base(base)})"
    )


# what is done, and what the flat rows say at the end
CHANGES = {
    "base": (
        "update tblbaseproduct set name = 'Z' where name = 'A'",
        [(("Z" if name == "A" else name), version, catalog) for name, version, catalog in ROWS],
        ["B", "New", "Z"],
    ),
    "version": (
        f"update tblproductversion set version = 'x' where versionid = {of_version('A', 'v')}",
        with_changes((1, ("A", "x", "c")), (4, ("A", "x", "c")), (5, ("A", "x", "d"))),
        ["A", "B", "New"],
    ),
    "default version": (
        f"update tblproductversion set version = 'x' where versionid = {of_version('A', '1')}",
        with_changes((2, ("A", "x", " ")), (6, ("A", "x", None)), (7, ("A", "x", "default"))),
        ["A", "B", "New"],
    ),
    "to the default version": (
        f"update tblproductversion set version = '2' where versionid = {of_version('A', '1')};"
        f"update tblproductversion set version = '1' where versionid = {of_version('A', 'v')}",
        with_changes((1, ("A", "1", "c")), (2, ("A", "2", " ")), (4, ("A", "1", "c")),
                     (5, ("A", "1", "d")), (6, ("A", "2", None)), (7, ("A", "2", "default"))),
        ["A", "B", "New"],
    ),
    "catalog": (
        f"update tblcatalog set name = 'x' where name = 'c' and versionid = {of_version('A', 'v')}",
        with_changes((1, ("A", "v", "x")), (4, ("A", "v", "x"))),
        ["A", "B", "New"],
    ),
    "default catalog": (
        f"update tblcatalog set name = 'x' where versionid = {of_version('A', '1')}",
        with_changes((2, ("A", None, "x")), (6, ("A", "", "x")), (7, ("A", "1", "x"))),
        ["A", "B", "New"],
    ),
    "version moved": (
        f"update tblproductversion set baseproductid = {of_base('B')}"
        f" where versionid = {of_version('A', '1')}",
        with_changes((2, ("B", None, " ")), (6, ("B", "", None)), (7, ("B", "1", "default"))),
        ["A", "B", "New"],
    ),
    "catalog moved": (
        f"update tblcatalog set versionid = {of_version('B', 'v')}"
        f" where versionid = {of_version('A', '1')}",
        with_changes((2, ("B", "v", " ")), (6, ("B", "v", None)), (7, ("B", "v", "default"))),
        ["A", "B", "New"],
    ),
    "all at once": (
        "update tblbaseproduct set name = name || '!'; update tblproductversion set version ="
        " version || '!'; update tblcatalog set name = name || '!'",
        None,
        ["A!", "B!", "New"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_are_not_migrated_follow(half: Shop, change: str) -> None:
    text, expected, names = CHANGES[change]
    half.new.execute(text)
    if expected is not None:
        waiting = half.rows(
            "select productname, version, catalogname from tblproduct order by productid"
        )
        assert waiting == expected
    rows = finish(half)
    assert expected is None or rows == expected
    assert bases(half) == names


def test_the_old_program_adds_rows_meanwhile(half: Shop) -> None:
    """What it writes after the rename is its own word: a product of the old name is made."""
    half.new.execute("update tblbaseproduct set name = 'Z' where name = 'A'")
    half.old.execute("insert into tblproduct (productname) values ('Z'), ('A')")
    rows = finish(half)
    assert [row[0] for row in rows[-2:]] == ["Z", "A"]
    assert bases(half) == ["A", "B", "New", "Z"]
    half.new.execute("update tblbaseproduct set name = 'Y' where name = 'Z'")
    assert half.value("select count(*) from tblproduct where productname = 'Y'") == 8
    assert_same(half)


def test_two_parents_swap_names_in_one_statement(half: Shop) -> None:
    half.owner.execute(
        "do $$ declare r record; begin for r in select conname from pg_constraint"
        " where conrelid = 'tblbaseproduct'::regclass and contype = 'u' loop"
        " execute format('alter table tblbaseproduct drop constraint %I', r.conname);"
        " end loop; end $$;"
        "alter table tblbaseproduct add constraint swappable unique (name) deferrable"
    )
    half.new.execute("update tblbaseproduct set name = case name when 'A' then 'B' else 'A' end")
    flats = half.rows("select productname from tblproduct order by productid")
    assert [row[0] for row in flats] == [
        {"A": "B", "B": "A"}.get(name, name) for name, _, _ in ROWS
    ]


@pytest.mark.parametrize("main", ["base", "version"])
def test_two_levels_renamed_by_one_statement_are_refused(half: Shop, main: str) -> None:
    texts = {
        "base": "update tblbaseproduct set name = name || '!' returning 1",
        "version": "update tblproductversion set version = version || '!' returning 1",
    }
    other = "version" if main == "base" else "base"
    text = f"with x as ({texts[other]}) {texts[main]}"
    assert sqlstate(half.new, text) == "TD045"
    assert finish(half) == ROWS
    half.new.execute(text)  # when the phase is migrated it is like any other
    assert_same(half)


# two sessions -------------------------------------------------------------------------------------


def migration(shop: Shop) -> Session:
    """A session in which the rest is migrated in batches of two rows."""
    runner = Session(shop.connect("shop_owner"), "migrate")
    runner.send("call tandem.migrate('products', p_batch_rows => 20)")
    return runner


@pytest.mark.parametrize("change", CHANGES)
def test_the_rename_is_first_and_the_batch_waits(half: Shop, change: str) -> None:
    text, expected, names = CHANGES[change]
    renamer = Session(half.connect(NEW), "rename")
    for statement in ("begin", text):
        renamer.send(statement)
        assert renamer.wait() is None, renamer.message
    runner = migration(half)
    wait_until(lambda: not runner.settle(half.owner), "the batch waits")
    renamer.send("commit")
    assert renamer.wait() is None
    assert runner.wait() is None, runner.message  # a batch that gave way is tried again
    assert expected is None or finish(half) == expected
    assert bases(half) == names


def held_batch(shop: Shop, after: str) -> tuple[Session, Session]:
    """A batch stopped half way by an advisory lock: its session, and that which holds the lock.

    after: flat, when it has locked its flat rows and no parent; or leaf, when all is written.
    """
    hasten_deadlocks(shop)
    table, event = ("tblbaseproduct", "before") if after == "flat" else ("tblconfig", "after")
    shop.owner.execute(
        "create function hold() returns trigger language plpgsql as $$ begin"
        " if current_setting('application_name') = 'migrate' then"
        " perform pg_advisory_xact_lock(42); end if; return new; end $$;"
        f"create trigger hold {event} insert on {table} for each row execute function hold();"
        "update tandem.setting set value = '60000' where name = 'batch_lock_timeout'"
    )
    holder = Session(shop.connect(OLD), "holder")
    holder.send("select pg_advisory_lock(42)")
    assert holder.wait() is None
    runner = Session(shop.connect("shop_owner", application_name="migrate"), "migrate")
    runner.send("call tandem.migrate('products', p_batch_rows => 20)")
    assert not runner.settle(shop.owner)
    return runner, holder


@pytest.mark.parametrize("after", ["flat", "leaf"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_batch_is_first_and_the_rename_waits(half: Shop, change: str, after: str) -> None:
    """Where each waits for the other one gets 40P01: the loop tries its batch again."""
    text, expected, names = CHANGES[change]
    runner, holder = held_batch(half, after)
    renamer = Session(half.connect(NEW), "rename")
    assert not renamer.run_until_blocked(text, half.owner)
    holder.send("select pg_advisory_unlock(42)")
    assert holder.wait() is None
    state = renamer.wait()
    assert runner.wait() is None, runner.message
    assert state in (None, "40P01"), renamer.message
    if state:
        half.new.execute(text)
    rows = finish(half)
    assert expected is None or rows == expected
    # where the batch is done first, its new product is renamed with all others
    assert bases(half) in (names, [*names[:-1], "New!"])


@pytest.mark.parametrize("lower_first", [True, False])
@pytest.mark.parametrize("lower", ["version", "catalog", "version moved"])
def test_two_levels_are_renamed_at_once(half: Shop, lower: str, lower_first: bool) -> None:
    hasten_deadlocks(half)
    pair = [CHANGES[lower][0], CHANGES["base"][0]]
    first, second = pair if lower_first else pair[::-1]
    one, two = Session(half.connect(NEW), "one"), Session(half.connect(NEW), "two")
    for statement in ("begin", first):
        one.send(statement)
        assert one.wait() is None, one.message
    two.run_until_blocked(second, half.owner)
    one.send("commit")
    assert one.wait() is None
    assert two.wait() is None, two.message
    rows = finish(half)
    expected = CHANGES[lower][1]
    assert expected is not None
    assert rows == [("Z" if row[0] == "A" else row[0], *row[1:]) for row in expected]
    assert bases(half) == ["B", "New", "Z"]


@pytest.mark.parametrize("skip_echo", [True, False], ids=["", "echo"])
def test_the_other_mapping(server: TestServer, skip_echo: bool) -> None:
    """Two key columns, one with a default, names that need quotes; with the echo and without."""
    mapping = orders(skip_echo)
    with server.clone(None) as database:
        shop = Shop(database, mapping)
        shop.owner.execute(flat_table(mapping).encode())
        deploy(shop.owner, [mapping])
        shop.owner.execute("call tandem.prepare('orders')")
        shop.grant()
        key = '"Kunde Name", "group"'
        for number, row in enumerate([("A", None), ("A", "g"), ("A", " "), ("A", "g"), ("B", "g")]):
            shop.owner.execute(
                f'insert into {shop.flat} ("select", {key}) values (%s, %s, %s)', (number, *row)
            )
        while shop.value(f'select count("Position Id") from {shop.flat}') < 2:
            shop.owner.execute(
                "call tandem.migrate('orders', p_batch_rows => 1, p_max_batches => 1)"
            )
        table = shop.table("order")
        shop.new.execute(f"""update {table} set "Kunde" = 'Z' where "group" = 'g'""")
        shop.new.execute(f"""update {table} set "group" = 'h' where "group" like 'it%'""")
        shop.owner.execute("call tandem.migrate('orders')")
        assert shop.rows(f'select {key} from {shop.flat} order by "select"') == [
            ("A", "h"), ("Z", "g"), ("A", "h"), ("Z", "g"), ("B", "g"),
        ]  # fmt: skip
        assert shop.value(f"select count(*) from {table}") == 3
        shop.assert_in_step()


# a law: when a row is migrated makes no difference ------------------------------------------------

NAMES, VERSIONS, CATALOGS = ["A", "B", "C"], [None, " ", "1", "v"], [None, "default", "c"]
BASE = st.sampled_from(NAMES)
VERSION = st.sampled_from(["1", "v", "w"])
CATALOG = st.sampled_from(["default", "c", "d"])
PLACES = st.tuples(BASE, st.sampled_from(VERSIONS), st.sampled_from(CATALOGS))


def writes() -> st.SearchStrategy[tuple[str, str]]:
    """One statement that renames or moves a parent, or writes a flat row."""
    above = "versionid = " + "{version}"
    return st.one_of(
        st.builds("update tblbaseproduct set name = '{1}' where name = '{0}'".format, BASE, BASE),
        st.builds(
            lambda base, was, new: (
                f"update tblproductversion set version = '{new}'"
                f" where versionid = {of_version(base, was)}"
            ),
            BASE, VERSION, VERSION,
        ),
        st.builds(
            lambda base, version, to: (
                f"update tblproductversion set baseproductid = {of_base(to)}"
                f" where versionid = {of_version(base, version)}"
            ),
            BASE, VERSION, BASE,
        ),
        st.builds(
            lambda base, version, was, new: (
                f"update tblcatalog set name = '{new}' where name = '{was}' and "
                + above.format(version=of_version(base, version))
            ),
            BASE, VERSION, CATALOG, CATALOG,
        ),
        st.builds(
            lambda base, version, name, to, to_version: (
                f"update tblcatalog set versionid = {of_version(to, to_version)}"
                f" where name = '{name}' and " + above.format(version=of_version(base, version))
            ),
            BASE, VERSION, CATALOG, BASE, VERSION,
        ),
    ).map(lambda text: (NEW, text)) | st.one_of(
        st.builds(
            lambda key, place: (
                f"update tblproduct set productname = {literal(place[0])},"
                f" version = {literal(place[1])}, catalogname = {literal(place[2])}"
                f" where productid = {key}"
            ),
            st.integers(1, 8), PLACES,
        ),
        st.builds(
            lambda key: f"update tblproduct set status = 'x' where productid = {key}",
            st.integers(1, 8),
        ),
        st.builds(
            lambda place: (
                "insert into tblproduct (productname, version, catalogname)"
                f" values ({literal(place[0])}, {literal(place[1])}, {literal(place[2])})"
            ),
            PLACES,
        ),
    ).map(lambda text: (OLD, text))  # fmt: skip


PATHS = """
select b.name, v.version, c.name, (select count(*) from tblconfig f where f.catalogid = c.catalogid)
from tblbaseproduct b left join tblproductversion v using (baseproductid)
left join tblcatalog c using (versionid) order by 1, 2, 3
"""


@given(
    waiting=st.lists(PLACES, min_size=1, max_size=6),
    history=st.lists(writes(), min_size=1, max_size=5),
)
def test_law_when_a_row_is_migrated_makes_no_difference(
    shop: Shop, second_shop: Shop, waiting: list[Row], history: list[tuple[str, str]]
) -> None:
    """The same history on a shop that is migrated and on one in which rows still wait."""
    for each in (shop, second_shop):
        with_parents(each, waiting)
    for number, row in enumerate(waiting, 1):
        shop.old.execute(INSERT, (number, *row))
    with unseen(second_shop):
        for number, row in enumerate(waiting, 1):
            second_shop.owner.execute(INSERT, (number, *row))
    assert_no_difference(shop, second_shop, history)


@given(
    moves=st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=4),
    history=st.lists(writes(), min_size=1, max_size=5),
)
def test_law_when_a_move_is_migrated_makes_no_difference(
    shop: Shop, second_shop: Shop, moves: list[tuple[Row, Row]], history: list[tuple[str, str]]
) -> None:
    """As above, where old programs moved rows that were linked."""
    move = (
        "update tblproduct set productname = %s, version = %s, catalogname = %s"
        " where productid = %s"
    )
    for each in (shop, second_shop):
        with_parents(each, [place for both in moves for place in both])
        for number, (row, _) in enumerate(moves, 1):
            each.old.execute(INSERT, (number, *row))
    for number, (_, row) in enumerate(moves, 1):
        shop.old.execute(move, (*row, number))
    with unseen(second_shop):
        for number, (_, row) in enumerate(moves, 1):
            second_shop.owner.execute(move, (*row, number))
    assert_no_difference(shop, second_shop, history)


INSERT = (
    "insert into tblproduct (productid, productname, version, catalogname)"
    " overriding system value values (%s, %s, %s, %s)"
)


def with_parents(shop: Shop, places: list[Row]) -> None:
    """Every parent is there, so that both shops have the same ones."""
    shop.reset()
    shop.owner.execute("alter table tblproduct alter productid restart with 100")
    for number, row in enumerate(places, 51):
        shop.old.execute(INSERT, (number, *row))


@contextmanager
def unseen(shop: Shop) -> Iterator[None]:
    """What is written to the flat table waits for a migration."""
    shop.owner.execute("update tandem.mapping set phase = 'syncing'")
    with shop.owner.transaction():
        shop.owner.execute("alter table tblproduct disable trigger user")
        yield
        shop.owner.execute("alter table tblproduct enable trigger user")
        shop.owner.execute("alter table tblproduct disable trigger tandem_90_log")


def assert_no_difference(shop: Shop, waiting: Shop, history: list[tuple[str, str]]) -> None:
    for role, text in history:
        note(f"/* {role} */ {text};")
        states = [sqlstate(each.old if role == OLD else each.new, text) for each in (shop, waiting)]
        assert states[0] == states[1], states
    waiting.owner.execute("call tandem.migrate('products')")
    flat = "select productid, productname, version, catalogname from tblproduct order by productid"
    for each in (shop, waiting):
        assert_same(each)
    assert shop.rows(flat) == waiting.rows(flat)
    assert shop.rows(PATHS) == waiting.rows(PATHS)


@pytest.fixture
def second_shop(server: TestServer, templates: Templates) -> Iterator[Shop]:
    """Another one like `shop`."""
    mapping = products()
    with server.clone(templates.of(mapping)) as database:
        yield Shop(database, mapping)


def test_a_version_that_is_renamed_to_blank_while_rows_wait(db: Database) -> None:
    """A flat row's '' means the default version, so a version is not renamed to '' while rows of it
    wait; or all of them stay in one version."""
    owner = db.owner()
    for key in range(1, 40):
        owner.execute(ROW.replace("'1'", "'v1'"), (key,))
    owner.execute("call tandem.prepare('products')")
    db.grant_new_app()
    until_the_first_row(owner)
    migrate(owner, p_max_batches=1, p_batch_rows=20)
    assert one(owner, "select count(*) from tblproduct where configid is null") > 0
    state = sqlstate(db.new_app(), "update tblproductversion set version = ''")
    migrate(owner)
    assert state is not None or one(owner, "select count(distinct versionid) from tblproduct") == 1


def test_names_move_on_in_one_statement_while_a_moved_row_waits(db: Database) -> None:
    """An old program moved row 1 from Lamp to Chair while nothing was synced. Then one statement
    renames Chair to Table and Lamp to Chair: row 1 follows Chair, which it names."""
    owner = synced(db, 2)
    owner.execute("update tblproduct set productname = 'Chair' where productid = 2")
    owner.execute("update tblbaseproduct set description = name")
    owner.execute("call tandem.rollback('products', 'keep')")
    db.old_app().execute("update tblproduct set productname = 'Chair' where productid = 1")
    # the order in which one statement meets the rows: Chair first, so that the unique key holds
    owner.execute("update tblbaseproduct set description = name where name = 'Lamp'")
    owner.execute("update tblbaseproduct set description = name where name = 'Lamp'")
    until_the_first_row(owner)
    db.new_app().execute(
        "update tblbaseproduct set name = case name when 'Chair' then 'Table' else 'Chair' end"
    )
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select array_agg(productname) from tblproduct") == ["Table", "Table"]
