"""Values, names and settings of a session that the sync has to take as they come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pgtandem.deploy import deploy
from pgtandem.mapping import parse_mapping
from pgtandem.mapping_section import MappingError
from pgtandem.paths import db_dir
from support.databases import FLAT_TABLE, Connection, TestServer
from support.shop import migrate, one
from sync.shops import Shop, sqlstate

# A small mapping of one level and a leaf; KEY and TYPE are the level's key column.
MAPPING = """
name = "f"
[flat]
table = "f"
key = "id"
[flat.types]
id = "ID_TYPE"
KEY = "TYPE"
data = "text"
[[level]]
name = "top"
table = "ftop"
id = "topid"
key = ["KEY"]
columns = { KEY = "KEY" }
missing = { KEY = { policy = "reject" } }
types = { KEY = "TYPE" }
[leaf]
name = "item"
table = "fleaf"
id = "leafid"
parent = "topid"
columns = { data = "data" }
types = { data = "DATA_TYPE", notes = "text" }
"""


@contextmanager
def small(
    server: TestServer,
    id_type: str = "bigint",
    key: str = "name",
    key_type: str = "text",
    data_type: str = "text",
) -> Iterator[tuple[Connection, Connection]]:
    """The owner's and the old program's session in a migrated, empty shop of MAPPING."""
    source = MAPPING
    for word, value in (
        ("ID_TYPE", id_type),
        ("DATA_TYPE", data_type),
        ("KEY", key),
        ("TYPE", key_type),
    ):
        source = source.replace(word, value)
    with server.clone(None) as database:
        owner = database.owner()
        owner.execute(
            f"create table f (id {id_type} default 7 primary key, {key} {key_type},"
            " data text)".encode()
        )
        owner.execute("grant select, insert, update, delete on f to old_app")
        deploy(owner, [replace(parse_mapping(source), source=source)])
        owner.execute("call tandem.prepare('f')")
        owner.execute("call tandem.migrate('f')")
        yield owner, database.old_app()


def test_a_float_key_of_a_level_is_not_rounded(server: TestServer) -> None:
    """A parent is made from its key as text, which extra_float_digits = 0 rounds; TD031."""
    with small(server, key="size", key_type="float8") as (owner, old):
        old.execute("set extra_float_digits = 0")
        assert (
            sqlstate(old, "insert into f (id, size) values (1, 0.1::float8 + 0.2::float8)") is None
        )
        assert owner.execute("select * from tandem.drift('f')").fetchall() == []


def test_two_long_key_columns_of_one_level(order_shop: Shop) -> None:
    """One index holds both: the INSERT failed with 54000; a row of one long key is kept back."""
    long = "select string_agg(md5(i::text || %s), '') from generate_series(1, 47) as i"
    first, second = one(order_shop.owner, long, "a"), one(order_shop.owner, long, "b")
    insert = f'insert into {order_shop.flat} ("select", "Kunde Name", "group") values (%s, %s, %s)'
    assert sqlstate(order_shop.old, insert, ("1", first, second)) is None


def test_text_that_nests_too_deep_for_json(server: TestServer) -> None:
    """100,000 open brackets are 54001 of the cast, not a data exception."""
    with small(server, data_type="jsonb") as (_, old):
        assert sqlstate(old, "insert into f (id, name, data) values (1, 'a', 'no json')") is None
        insert = "insert into f (id, name, data) values (2, 'b', repeat('[', 100000))"
        assert sqlstate(old, insert) is None


def test_a_value_in_a_mapping_is_no_sql(server: TestServer) -> None:
    """A dollar quote would end the routine's body that the value stands in."""
    value = (
        "$_push$; create table public.planted (); create function public.junk() returns text"
        " language plpgsql as $_push$"
    )
    source = (db_dir() / "mappings" / "products.toml").read_text()
    source = source.replace('value = "1"', f'value = "{value}"')
    with server.clone(None) as database:
        owner = database.owner()
        owner.execute(FLAT_TABLE)
        deploy(owner, [replace(parse_mapping(source), source=source)])
        assert one(owner, "select to_regclass('public.planted')") is None
        owner.execute("insert into tblproduct (productname) values ('Lamp')")
        owner.execute("call tandem.prepare('products')")
        migrate(owner)
        assert one(owner, "select version from tblproductversion") == value


@pytest.mark.parametrize("type_name", ["numeric", "decimal", "citext"])
def test_a_key_whose_equal_values_have_several_texts_is_refused(type_name: str) -> None:
    """What is kept is found by the key's text: 1.0 and 1.00 are one key, and were two."""
    source = MAPPING.replace("ID_TYPE", type_name).replace("TYPE", "text").replace("KEY", "name")
    with pytest.raises(MappingError, match="written differently"):
        parse_mapping(source)


ITEMS = """
name = "items"
schema = "public"
[flat]
table = "flat_items"
key = "id"
[flat.types]
id = "bigint"
model = "text"
qty = "{0}"
[[level]]
name = "model"
table = "models"
id = "model_id"
key = ["model"]
columns = {{ model = "model" }}
missing = {{ model = {{ policy = "reject" }} }}
types = {{ model = "text" }}
[leaf]
name = "item"
table = "items"
id = "item_id"
parent = "model_id"
columns = {{ qty = "qty" }}
types = {{ qty = "{1}" }}
"""


@pytest.mark.parametrize("flat, hier", [("integer", "numeric(10,2)"), ("numeric(10,2)", "integer")])
def test_a_whole_number_fits_an_integer(server: TestServer, flat: str, hier: str) -> None:
    """12.00 is a whole number, on either side."""
    mapping = parse_mapping(ITEMS.format(flat, hier))
    with server.clone(None) as database:
        shop = Shop(database, mapping)
        shop.owner.execute(
            "create table flat_items (id bigint generated by default as identity primary key,"
            f" model text, qty {flat});"
            "grant select, insert, update, delete on flat_items to old_app;"
            "insert into flat_items (model, qty) values ('m', 12)".encode()
        )
        deploy(shop.owner, [mapping])
        shop.migrate()
        assert shop.rows("select qty from items") == [(12,)]
        assert sqlstate(shop.new, "update items set qty = 7") is None
        assert shop.rows("select qty from flat_items") == [(7,)]
