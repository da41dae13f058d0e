"""What the source document asks for line by line, where no other test proves it.

docs/requirements.md says for each line which test it is.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core.test_errors import documented
from pgtandem.demo import old_program
from support.databases import Database
from support.shop import Connection, assert_in_step, fill, one, prepared
from sync.shops import Shop

OLD_SCRIPT = Path(__file__).parent.parent / "programs" / "old_report.sql"
OLD_PROGRAM = Path(old_program.__file__)

HASHES = {
    OLD_SCRIPT: "5e716bf9bfa0a8164a3f0277a13f27f9807f3195bd76eb2a956a0ac40933fe43",
    OLD_PROGRAM: "a3a7151bdf4a67a29b44c0b2fa34f7ce0042f2e1caee78beb2040f5550716279",
}
"""The old programs are these files, to the byte. A change here is a change of an old program."""

CHECKSUM = """
select md5(string_agg(md5((productid, productname, version, catalogname, configname, sku,
    configdata, status, amount, currency, createdat)::text), '' order by productid))
from tblproduct
"""

QUOTED_ROW = "Failing row contains"
SHOW_PRICE = "select amount, currency from tblproduct where configid = %s"


def test_p01_the_sync_columns_have_their_names_types_and_default(db: Database) -> None:
    conn = db.owner()
    conn.execute("call tandem.prepare('products')")
    added = conn.execute(
        "select attname, format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid), attnotnull"
        " from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum"
        " where attrelid = 'tblproduct'::regclass and attnum > 12 order by attnum"
    ).fetchall()
    assert added == [
        ("configid", "uuid", None, False),
        ("catalogid", "uuid", None, False),
        ("versionid", "uuid", None, False),
        ("baseproductid", "uuid", None, False),
        ("syncstatus", "character varying(20)", "'active'::character varying", False),
    ]


def test_p02_the_id_columns_are_indexed(db: Database) -> None:
    conn = db.owner()
    conn.execute("call tandem.prepare('products')")
    indexes = conn.execute(
        "select a.attname, i.indisunique from pg_index as i"
        " join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]"
        " where i.indrelid = 'tblproduct'::regclass and i.indisvalid and not i.indisprimary"
        " and i.indnatts = 1 order by 1"
    ).fetchall()
    assert indexes == [
        ("baseproductid", False),
        ("catalogid", False),
        ("configid", True),
        ("versionid", False),
    ]


def test_p03_analyze_tells_what_is_in_the_data(db: Database) -> None:
    conn = db.owner()
    fill(conn, 70)
    conn.execute(
        "insert into tblproduct (productname, version) values (' ', 'v1'), ('product 1', 'v1')"
    )
    found = {
        (subject, finding): count
        for subject, finding, count in conn.execute(
            "select subject, finding, count from tandem.analyze('products')"
        ).fetchall()
    }
    assert found["public.tblproduct", "rows"] == 72
    assert found["public.tblproduct", "rows will be rejected: productname is missing"] == 1
    assert found["version", "missing values that stand for 1"] == 10
    assert found["catalogname", "missing values that stand for default"] == 16
    near = "near-duplicates: they differ only in case, blanks or Unicode form"
    assert found["productname", near] == 1
    assert found["amount", "without amount: no row of tblconfigprice"] == 9


@pytest.mark.parametrize(
    ("damage", "checks"),
    [
        ("update tblproduct set syncstatus = null, configid = null where productid = 1",
         {"every row migrated", "sync columns populated"}),
        ("update tblproduct set catalogid = null where productid = 1", {"sync columns populated"}),
        ("delete from tblconfig where sku = 'sku1'", {"a leaf per flat row"}),
        ("delete from tblproduct where productid = 1", {"a flat row per leaf"}),
        ("update tblproduct set versionid = gen_random_uuid() where productid = 1", {"links"}),
        ("update tblproduct set amount = 99 where productid = 1", {"values"}),
        ("update tblbaseproduct set name = 'changed' where name = 'Product 1'", {"values"}),
    ],
)  # fmt: skip
def test_p06_validate_finds_what_is_wrong(db: Database, damage: str, checks: set[str]) -> None:
    conn = db.owner()
    prepared(conn, 20)
    conn.execute("call tandem.migrate('products')")
    failed = "select check_name from tandem.validate('products') where passed is not true"
    assert conn.execute(failed).fetchall() == []
    for direction in ("flat_to_hierarchy", "hierarchy_to_flat"):
        conn.execute("select tandem.set_sync('products', %s, false)", (direction,))
    conn.execute(damage.encode())
    found = {name for (name,) in conn.execute(failed)}
    assert checks <= found, found


@pytest.fixture
def writer(shop: Shop) -> Connection:
    """A new program that has the rights of a writer and none on any table."""
    shop.owner.execute("select tandem.grant_to('new_app', 'writer')")
    for table in shop.hierarchy:
        shop.owner.execute(f"revoke all on {table} from new_app")
    return shop.new


def add_configuration(writer: Connection) -> tuple[Any, Any]:
    """A catalog and a configuration in it; their ids."""
    catalog = one(writer, "select tandem_products.add_catalog('Lamp', '2', 'Retail')")
    config = one(
        writer,
        "select tandem_products.add_configuration(%s, p_name => 'red', p_sku => 'L-1',"
        " p_status => 'draft')",
        catalog,
    )
    return catalog, config


def test_p09_add_configuration_makes_the_flat_row(shop: Shop, writer: Connection) -> None:
    _, config = add_configuration(writer)
    assert shop.rows(
        "select productname, version, catalogname, configname, sku, status, amount, configid"
        " from tblproduct"
    ) == [("Lamp", "2", "Retail", "red", "L-1", "draft", None, config)]
    shop.assert_in_step()


def test_p10_update_config_status_sets_the_status(shop: Shop, writer: Connection) -> None:
    _, config = add_configuration(writer)
    writer.execute("select tandem_products.update_config_status(%s, 'on sale')", (config,))
    assert shop.value("select status from tblproduct") == "on sale"
    shop.assert_in_step()


def test_p11_add_price_of_config_sets_the_amount(shop: Shop, writer: Connection) -> None:
    _, config = add_configuration(writer)
    price = "select tandem_products.add_price_of_config(%s, {}, 'EUR')"
    writer.execute(price.format("9.50").encode(), (config,))
    assert shop.rows(SHOW_PRICE, config) == [(9.50, "EUR")]
    at = shop.value("select effectivefrom from tblconfigprice")
    writer.execute(
        "select tandem_products.add_price_of_config(%s, 8.25, p_effectivefrom => %s)", (config, at)
    )
    assert shop.rows(SHOW_PRICE, config) == [(8.25, "EUR")], "an update of the same row"
    writer.execute(price.format("7").encode(), (config,))
    assert shop.rows(SHOW_PRICE, config) == [(7, "EUR")]
    assert shop.value("select count(*) from tblconfigprice") == 2
    shop.assert_in_step()


def test_p12_update_config_changes_the_flat_row(shop: Shop, writer: Connection) -> None:
    _, config = add_configuration(writer)
    writer.execute(
        "select tandem_products.update_config(%s, p_name => 'blue', p_attributes => '{\"w\": 40}')",
        (config,),
    )
    assert shop.rows("select configname, sku, configdata from tblproduct") == [
        ("blue", "L-1", {"w": 40})
    ]
    shop.assert_in_step()


def test_p13_add_catalog_prepares_for_a_first_config(shop: Shop, writer: Connection) -> None:
    add = "select tandem_products.add_catalog('Lamp', '2', 'Retail')"
    catalog = one(writer, add)
    assert one(writer, add) == catalog, "found, not made again"
    assert shop.value("select count(*) from tblproduct") == 0, "nothing to show to old programs yet"
    writer.execute("select tandem_products.add_configuration(%s, p_name => 'red')", (catalog,))
    assert shop.rows("select productname, version, catalogname, configname from tblproduct") == [
        ("Lamp", "2", "Retail", "red")
    ]
    shop.assert_in_step()


def test_p18_one_product_is_seen_whole_from_either_key(shop: Shop) -> None:
    shop.old.execute(
        "insert into tblproduct (productid, productname, sku, amount) values (7, 'Lamp', 'L', 5)"
    )
    (config,) = shop.rows("select configid::text from tblproduct")[0]
    show = "select level, column_name, flat_value, hierarchy_value from tandem.show('products', %s)"
    shown = shop.rows(show, "7")
    assert shop.rows(show, config) == shown
    assert {("base", "name", "Lamp", "Lamp"), ("price", "amount", "5.00", "5.00")} <= set(shown)
    assert shop.rows(
        "select flat_key, base_name, version_version, catalog_name, config_sku, price_amount"
        " from tandem_products.hierarchy"
    ) == [(7, "Lamp", "1", "default", "L", 5)]


# -- P17: old programs are not changed, and do not notice


def run_script(db: Database) -> str:
    """What the old psql script prints, messages included, in its order.

    But for one line: of a row that breaks a constraint the server quotes all columns, the new too.
    """
    done = subprocess.run(
        [str(db.server.programs.psql), "-X", "-a", "-d", db.old_app_dsn, "-f", str(OLD_SCRIPT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return "".join(line for line in done.stdout.splitlines(True) if QUOTED_ROW not in line)


def answer(work: Callable[[], Any]) -> Any:
    """A result, or the SQLSTATE and the text of an error."""
    try:
        return work()
    except DBAPIError as error:
        assert isinstance(error.orig, psycopg.Error)
        lines = str(error.orig).splitlines()
        return error.orig.sqlstate, [line for line in lines if QUOTED_ROW not in line]


def run_model(db: Database) -> list[Any]:
    """What the stock SQLAlchemy model of the old program reads and meets."""
    model = old_program.Product
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(db.old_app_dsn))
    answers: list[Any] = []

    def columns(row: old_program.Product) -> tuple[Any, ...]:
        return (row.id, row.name, row.version, row.catalog, row.config, row.sku, row.data,
                row.status, row.amount, row.currency)  # fmt: skip

    def read_all() -> list[tuple[Any, ...]]:
        with Session(engine) as session:
            return [columns(row) for row in session.scalars(select(model).order_by(model.id))]

    def insert(**values: Any) -> tuple[Any, ...]:
        with Session(engine) as session:
            row = model(**values)
            session.add(row)
            session.commit()
            return columns(row)

    def change(key: int, **values: Any) -> tuple[Any, ...]:
        with Session(engine) as session:
            row = session.get_one(model, key)
            for name, value in values.items():
                setattr(row, name, value)
            session.commit()
            return columns(row)

    def delete(key: int) -> None:
        with Session(engine) as session:
            session.delete(session.get_one(model, key))
            session.commit()

    before = change(3, name="Product 1", status="seen")
    for work in (
        read_all,
        lambda: insert(id=800001, name="Model", version="", data={"a": [1]}, amount=3),
        lambda: change(800001, name="Model 2", status="on", amount=4),
        lambda: insert(id=1, name="taken"),
        lambda: insert(id=800002, name=None),
        lambda: change(2, status="a status that is much too long"),
        lambda: change(2, name="Product 0", catalog="cat1", amount=None),
        lambda: change(2, name="Product 0", catalog="cat0", amount=2),
        read_all,
        lambda: delete(800001),
        read_all,
    ):
        answers.append(answer(work))
    engine.dispose()
    return [before, *answers]


def stage(db: Database) -> tuple[str, list[Any], str]:
    """All old programs once: what they saw, and the old columns afterwards."""
    for path, digest in HASHES.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, f"{path} was changed"
    return run_script(db), run_model(db), one(db.owner(), CHECKSUM)


def test_p17_old_programs_are_unchanged_and_do_not_notice(db: Database) -> None:
    conn = db.owner()
    fill(conn, 400)
    stage(db)  # settles the rows that the programs change
    untouched = one(conn, CHECKSUM)
    before = stage(db)
    assert before[2] == untouched
    conn.execute("call tandem.prepare('products')")
    assert stage(db) == before, "prepared"
    moved = 0
    while not moved:
        conn.execute("call tandem.migrate('products', p_batch_rows => 100, p_max_batches => 1)")
        moved = one(conn, "select count(*) from tblproduct where configid is not null")
    assert moved < 300, "in the middle of the migration"
    assert stage(db) == before, "migrating"
    conn.execute("call tandem.migrate('products')")
    assert stage(db) == before, "synced"
    assert_in_step(conn)
    conn.execute("call tandem.rollback('products')")
    assert stage(db) == before, "rolled back"


# -- one transaction


def refuse_updates_of(shop: Shop, table: str) -> None:
    """A trigger of the application's own that fails: then so does what the sync writes there."""
    shop.owner.execute(
        f"""
        create function refuse_{table}() returns trigger language plpgsql
        as $$ begin raise exception 'the other side is broken'; end $$;
        create trigger refuse before update on {table} for each row
        execute function refuse_{table}()
        """.encode()
    )


@pytest.mark.parametrize(
    ("writes", "other"), [("tblproduct", "tblconfig"), ("tblconfig", "tblproduct")]
)
def test_p15_a_write_is_rolled_back_where_the_sync_fails(
    shop: Shop, writes: str, other: str
) -> None:
    shop.old.execute("insert into tblproduct (productname, status) values ('A', 'x')")
    shop.grant()
    refuse_updates_of(shop, other)
    session = shop.old if writes == "tblproduct" else shop.new
    with pytest.raises(psycopg.errors.RaiseException, match="the other side is broken"):
        session.execute(f"update {writes} set status = 'y'".encode())
    assert shop.rows("select p.status, c.status from tblproduct p, tblconfig c") == [("x", "x")]
    shop.assert_in_step()


# -- switches, monitoring, backup, forms of the migration


def test_p22_the_log_of_sync_operations_has_a_switch(shop: Shop) -> None:
    insert = "insert into tblproduct (productname, configname) values ('Lamp', %s)"
    log = "select table_name, operation, by_sync, session_role from tandem.sync_log order by 1"
    shop.old.execute(insert, ("not logged",))
    assert shop.rows(log) == []
    shop.owner.execute("select tandem.set_sync('products', 'log', true)")
    assert shop.value("select log from tandem.status") == "on"
    shop.old.execute(insert, ("logged",))
    assert shop.rows(log) == [
        ("tblconfig", "insert", True, "old_app"),
        ("tblproduct", "insert", False, "old_app"),
    ]
    shop.owner.execute("select tandem.set_sync('products', 'log', false)")
    shop.old.execute(insert, ("not logged",))
    assert len(shop.rows(log)) == 2


def test_p23_each_direction_has_a_switch(shop: Shop) -> None:
    shop.old.execute("insert into tblproduct (productid, productname, status) values (1, 'A', 'x')")
    status = "select flat_to_hierarchy, hierarchy_to_flat from tandem.status"
    flat_write = "update tblproduct set status = %s"
    new_write = "update tblconfig set status = %s"
    shop.grant()
    shop.owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    assert shop.rows(status) == [("on", "off")]
    shop.new.execute(new_write, ("new",))
    assert shop.value("select status from tblproduct") == "x"
    shop.old.execute(flat_write, ("old",))
    assert shop.value("select status from tblconfig") == "old"
    shop.owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    shop.owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    assert shop.rows(status) == [("off", "on")]
    shop.old.execute(flat_write, ("old 2",))
    assert shop.value("select status from tblconfig") == "old"
    assert shop.value("select tandem.drift_count('products')") == 1


def test_p24_calls_errors_and_mean_time_are_counted(shop: Shop) -> None:
    def counts() -> tuple[Any, ...]:
        for session in (shop.old, shop.new):
            session.execute("select pg_stat_force_next_flush()")
        (row,) = shop.rows(
            "select flat_to_hierarchy_calls, flat_to_hierarchy_errors, hierarchy_to_flat_calls,"
            " hierarchy_to_flat_errors, flat_to_hierarchy_mean_ms > 0 from tandem.status"
        )
        return row

    shop.grant()
    shop.old.execute("insert into tblproduct (productname) values ('A'), ('B')")
    assert counts() == (2, 0, 0, 0, True)
    shop.new.execute("update tblconfig set status = 'on'")
    assert counts() == (2, 0, 2, 0, True)
    refuse_updates_of(shop, "tblproduct")
    with pytest.raises(psycopg.errors.RaiseException):
        shop.new.execute("update tblconfig set status = 'off'")
    assert counts()[2:4] == (3, 1), "what was rolled back is counted, too"
    shop.owner.execute("drop trigger refuse on tblproduct")
    shop.old.execute("update tblproduct set productname = ' ' where productname = 'A'")
    assert "productname is missing" in shop.value("select last_rejection from tandem.status")


def test_p25_a_backup_is_asked_for(db: Database) -> None:
    conn = db.owner()
    notices: list[str] = []
    conn.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    prepared(conn, 10)
    found = conn.execute(
        "select severity, cure from tandem.analyze('products') where finding like '%backup%'"
    ).fetchall()
    assert found == [("warning", "pg_dump --format=custom --table=public.tblproduct")]
    notices.clear()
    conn.execute("call tandem.migrate('products')")
    assert "pg_dump --format=custom --table=public.tblproduct" in notices[1], notices
    assert sum("backup" in notice for notice in notices) == 1


def test_p26_everything_in_one_transaction(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 300)
    with conn.transaction():
        conn.execute("call tandem.migrate('products', p_one_transaction => true)")
        writers = conn.execute(
            "select count(distinct xmin::text) from tblproduct where configid is not null"
        ).fetchone()
    assert writers == (1,)
    assert_in_step(conn)


def test_p27_rows_move_in_batches_of_the_size_asked_for(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 300)
    conn.execute("call tandem.migrate('products', p_batch_rows => 70)")
    sizes = conn.execute(
        "select read_rows from tandem.run_batch where read_rows > 0 order by run_id, batch"
    ).fetchall()
    assert sizes == [(70,), (70,), (70,), (70,), (20,)]
    assert_in_step(conn)


def test_p24_the_last_error_of_a_direction_outlives_its_rollback(shop: Shop) -> None:
    shop.grant()
    shop.owner.execute("select tandem.grant_to('old_app', 'reader')")

    def last(direction: str) -> Any:
        (row,) = shop.old.execute(f"select {direction}_last_error from tandem.status").fetchall()
        return row[0]

    def refused(conn: Connection, code: str, *texts: str) -> None:
        with pytest.raises(psycopg.Error) as caught, conn.transaction():
            for text in texts:
                conn.execute(text.encode())
        assert caught.value.sqlstate == code

    down, up = "flat_to_hierarchy", "hierarchy_to_flat"
    assert (last(down), last(up)) == (None, None)
    shop.old.execute("insert into tblproduct (productname) values ('A')")
    refused(
        shop.new,
        "TD043",
        "set transaction isolation level repeatable read",
        "update tblbaseproduct set name = 'B'",
    )
    assert last(up).startswith("TD043 at ")
    refused(shop.new, "TD040", "update tblbaseproduct set name = ' '")
    assert last(up).endswith(": a row of … does not fit …: …")
    shop.owner.execute("alter table tblproductversion alter baseproductid drop not null")
    refused(
        shop.new,
        "TD041",
        "update tblproductversion set baseproductid = null",
        "insert into tblconfig (catalogid, name) select catalogid, 'x' from tblcatalog",
    )
    assert last(up).startswith("TD041 at ")
    refused(shop.owner, "TD042", "truncate tblconfigprice")
    assert last(up).startswith("TD042 at ")
    assert last(down) is None, "nothing of the other direction"
    before = last(up)
    shop.owner.execute(
        "create function swallow() returns trigger language plpgsql as 'begin return null; end';"
        "create trigger swallow before insert on tblconfig for each row execute function swallow()"
    )
    refused(shop.old, "TD044", "insert into tblproduct (productname) values ('N')")
    assert last(down).startswith("TD044 at ")
    at = shop.value("select split_part(%s, ' ', 3) = current_date::text", last(down))
    assert at, last(down)
    assert last(up) == before


def test_p24_the_sentences_are_those_of_the_document(shop: Shop) -> None:
    for code, row in documented().items():
        if not re.match("TD0[34]", code) or code == "TD032":
            continue
        shop.owner.execute(
            "select setval('tandem_products.f2h_error', %s)", (10**15 + int(code[2:]),)
        )
        said = shop.value("select flat_to_hierarchy_last_error from tandem.status")
        assert said.startswith(f"{code} at 2001-09-09 ")
        assert said.partition(": ")[2] == row[1], code
