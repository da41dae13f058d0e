"""What fires at the depth of an echo and is none: actions of foreign keys, functions that write.

PostgreSQL queues the AFTER triggers of a cascade in the query that caused it, so they run one level
above the sync's DELETE, as its echo does.
"""

from __future__ import annotations

from pgtandem.deploy import deploy
from sync.catalogue import add
from sync.shops import Shop, flat_table, orders


def test_flat_rows_that_go_with_the_one_that_the_sync_deletes(both: Shop) -> None:
    both.owner.execute(
        "alter table tblproduct add column main bigint references tblproduct on delete cascade"
    )
    main = add(both, "A", configname="main")
    add(both, "A", configname="part", main=main)
    both.new.execute("delete from tblconfig where name = 'main'")
    assert both.rows("select configname from tblproduct") == []
    assert both.rows("select name from tblconfig") == []
    both.assert_in_step()


def test_leaves_that_go_with_the_one_that_the_sync_deletes(both: Shop) -> None:
    both.owner.execute(
        "alter table tblconfig add column main uuid references tblconfig on delete cascade"
    )
    main = add(both, "A", configname="main")
    add(both, "A", configname="part")
    both.new.execute(
        "update tblconfig set main = (select configid from tblconfig where name = 'main')"
        " where name = 'part'"
    )
    both.old.execute("delete from tblproduct where productid = %s", (main,))
    assert both.rows("select name from tblconfig") == []
    assert both.rows("select configname from tblproduct") == []
    both.assert_in_step()


def test_a_column_that_is_emptied_by_what_the_sync_deletes(both: Shop) -> None:
    """ON DELETE SET NULL of a mapped column: an UPDATE, so another trigger."""
    both.owner.execute(
        "alter table tblproduct add column code varchar(20) unique;"
        "alter table tblproduct add foreign key (status) references tblproduct (code)"
        " on delete set null"
    )
    add(both, "A", configname="main", code="m")
    add(both, "A", configname="part", status="m")
    both.new.execute("delete from tblconfig where name = 'main'")
    assert both.rows("select configname, status from tblproduct") == [("part", None)]
    assert both.rows("select name, status from tblconfig") == [("part", None)]


def test_a_default_whose_function_writes(both: Shop) -> None:
    """A function in a DEFAULT (CHECK, generated column) writes at the sync's own depth."""
    add(both, "A", configname="first")
    both.owner.execute(
        "create function public.f() returns text language plpgsql set search_path = public, pg_temp"
        " as $$ begin update tblproduct set status = 'newer' where productid = 1;"
        " return 'x'; end $$;"
        "alter table tblconfig alter column notes set default public.f()"
    )
    add(both, "A", configname="second")
    assert both.value("select status from tblproduct where productid = 1") == "newer"
    assert both.drift() == []


def test_rows_of_another_mapping_that_go_with_the_one_that_the_sync_deletes(shop: Shop) -> None:
    """Lines of orders hang on products; both tables are kept in step, each by its mapping."""
    shop.owner.execute(flat_table(orders()).encode())
    deploy(shop.owner, [orders()])
    lines = Shop(shop.db, orders())
    lines.migrate()
    shop.owner.execute(
        f"alter table {lines.flat} add product bigint references tblproduct on delete cascade"
    )
    key = add(shop, "A", configname="main")
    lines.old.execute(
        f"""insert into {lines.flat} ("select", "Kunde Name", product) values ('B1', 'K', %s)""",
        (key,),
    )
    lines.assert_in_step()
    shop.new.execute("delete from tblconfig where name = 'main'")
    assert lines.value(f"select count(*) from {lines.flat}") == 0
    lines.assert_in_step()
