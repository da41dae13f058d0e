"""Traps 1 to 9: which events a trigger sees, how often, and in which order."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support.databases import Database
from sync.catalogue import add, assert_same, counts, hierarchy, names
from sync.shops import Shop, sqlstate


def own_trigger(
    shop: Shop, table: str, when: str, body: str, name: str = "zz_own", *, condition: str = "true"
) -> None:
    """A trigger of the application's own, as its owner makes it."""
    shop.owner.execute(
        f"create function {name}() returns trigger language plpgsql "
        f"set search_path = public, pg_temp "
        f"as $$ begin {body} end $$;"
        f"create trigger {name} {when} on {table} for each row when ({condition}) "
        f"execute function {name}()"
    )


# 1 ------------------------------------------------------------------------------------------------


def test_trap_01_on_conflict_do_nothing_leaves_no_phantom(shop: Shop) -> None:
    key = add(shop, "Real", amount=1)
    before = counts(shop)
    shop.old.execute(
        "insert into tblproduct (productid, productname, version, amount)"
        " values (%s, 'Phantom', 'v9', 2) on conflict do nothing",
        (key,),
    )
    assert counts(shop) == before
    assert names(shop) == ["Real"]
    assert_same(shop)


def test_trap_01_a_suppressed_faulty_row_is_not_noted_as_rejected(shop: Shop) -> None:
    key = add(shop, "Real")
    shop.old.execute(
        "insert into tblproduct (productid, productname) values (%s, '') on conflict do nothing",
        (key,),
    )
    assert shop.value("select count(*) from tandem.rejected_row") == 0
    assert_same(shop)


# 2 ------------------------------------------------------------------------------------------------


def test_trap_02_on_conflict_do_update_inserts_and_updates_at_once(shop: Shop) -> None:
    key = add(shop, "A", configname="old", amount=1)
    leaf = shop.value("select configid from tblproduct where productid = %s", key)
    shop.old.execute(
        """
        insert into tblproduct (productid, productname, configname, amount)
        values (%s, 'A', 'changed', 2), (777, 'B', 'added', 3)
        on conflict (productid) do update
        set configname = excluded.configname, amount = excluded.amount
        """,
        (key,),
    )
    assert hierarchy(shop) == [
        ("A", "1", "default", "changed", None, 2),
        ("B", "1", "default", "added", None, 3),
    ]
    assert shop.value("select configid from tblproduct where productid = %s", key) == leaf
    assert shop.value("select count(*) from tblconfig where configid = %s", leaf) == 1
    assert_same(shop)


def test_trap_02_excluded_sync_columns_are_ignored(shop: Shop) -> None:
    """EXCLUDED carries ids that the BEFORE INSERT trigger gave to the row not inserted."""
    key = add(shop, "A")
    leaf = shop.value("select configid from tblproduct where productid = %s", key)
    shop.old.execute(
        """
        insert into tblproduct (productid, productname) values (%s, 'B')
        on conflict (productid) do update set productname = excluded.productname,
          configid = excluded.configid, catalogid = excluded.catalogid,
          versionid = excluded.versionid, baseproductid = excluded.baseproductid,
          syncstatus = excluded.syncstatus
        """,
        (key,),
    )
    assert shop.value("select configid from tblproduct where productid = %s", key) == leaf
    assert hierarchy(shop) == [("B", "1", "default", None, None, None)]
    assert_same(shop)


def test_trap_02_merge(shop: Shop) -> None:
    one, two = add(shop, "A", amount=1), add(shop, "B", amount=1)
    shop.old.execute(
        """
        merge into tblproduct as t
        using (values (%s::bigint, 'A2'), (%s, null), (888, 'C')) as s (id, name)
          on t.productid = s.id
        when matched and s.name is null then delete
        when matched then update set productname = s.name
        when not matched then insert (productid, productname) values (s.id, s.name)
        """,
        (one, two),
    )
    assert [row[0] for row in hierarchy(shop)] == ["A2", "C"]
    assert_same(shop)


def test_trap_02_merge_into_the_hierarchy(shop: Shop) -> None:
    add(shop, "A", configname="one")
    add(shop, "A", configname="two")
    shop.new.execute(
        """
        merge into tblconfig as t
        using (select configid, name, catalogid from tblconfig
               union all select null, 'three', (select min(catalogid::text)::uuid from tblcatalog)
              ) as s on t.configid = s.configid
        when matched and s.name = 'one' then delete
        when matched then update set status = 'merged'
        when not matched then insert (catalogid, name) values (s.catalogid, s.name)
        """
    )
    assert shop.rows("select configname, status from tblproduct order by 1") == [
        ("three", None),
        ("two", "merged"),
    ]
    assert_same(shop)


def test_trap_02_data_modifying_ctes_rename_two_levels_at_once(shop: Shop) -> None:
    add(shop, "A", version="v1", catalogname="c", configname="x")
    add(shop, "A", version="v1", catalogname="c", configname="y")
    shop.new.execute(
        """
        with b as (update tblbaseproduct set name = 'A2' returning 1),
          v as (update tblproductversion set version = 'v2' returning 1),
          f as (update tblconfig set status = 's' where name = 'x' returning 1)
        update tblcatalog set name = 'c2'
        """
    )
    assert hierarchy(shop) == [
        ("A2", "v2", "c2", "x", "s", None),
        ("A2", "v2", "c2", "y", None, None),
    ]
    assert_same(shop)


def test_trap_02_data_modifying_ctes_of_different_flat_rows(shop: Shop) -> None:
    one, two = add(shop, "A", amount=1), add(shop, "B", amount=1)
    shop.old.execute(
        """
        with a as (update tblproduct set productname = 'A2' where productid = %s returning 1),
          i as (insert into tblproduct (productname) values ('A2') returning 1)
        update tblproduct set amount = 5 where productid = %s
        """,
        (one, two),
    )
    assert [(row[0], row[5]) for row in hierarchy(shop)] == [("A2", 1), ("A2", None), ("B", 5)]
    assert_same(shop)


def test_trap_02_copy_is_all_or_nothing_on_both_sides(shop: Shop) -> None:
    columns = "copy tblproduct (productname, version, amount) from stdin"
    with shop.old.cursor() as cursor, cursor.copy(columns) as copy:
        for number in range(20):
            copy.write_row((f"P{number % 3}", None, number))
    assert counts(shop) == (3, 3, 3, 20, 20)
    with (
        pytest.raises(psycopg.errors.NumericValueOutOfRange),
        shop.old.cursor() as cursor,
        cursor.copy(columns) as copy,
    ):
        for number in range(20):
            copy.write_row((f"Q{number}", None, 10**13 if number == 10 else 1))
    assert counts(shop) == (3, 3, 3, 20, 20)
    assert_same(shop)


def test_trap_02_foreign_key_cascades_into_the_flat_table(shop: Shop) -> None:
    shop.owner.execute(
        """
        create table shelf (shelf text primary key);
        insert into shelf values ('s1'), ('s2');
        alter table tblproduct add column shelf text references shelf
          on delete cascade on update cascade
        """
    )
    for number in range(6):
        add(shop, f"P{number % 2}", shelf=f"s{1 + number % 2}")
    shop.owner.execute("delete from shelf where shelf = 's1'")
    assert [row[0] for row in hierarchy(shop)] == ["P1"] * 3
    assert_same(shop)


def test_trap_02_foreign_key_cascades_inside_the_hierarchy(shop: Shop) -> None:
    """An application that deletes from the top, with cascading keys of its own."""
    shop.owner.execute(
        """
        alter table tblproductversion drop constraint tblproductversion_baseproductid_fkey,
          add foreign key (baseproductid) references tblbaseproduct on delete cascade;
        alter table tblcatalog drop constraint tblcatalog_versionid_fkey,
          add foreign key (versionid) references tblproductversion on delete cascade;
        alter table tblconfig drop constraint tblconfig_catalogid_fkey,
          add foreign key (catalogid) references tblcatalog on delete cascade
        """
    )
    for number in range(9):
        add(shop, f"P{number % 3}", version=f"v{number % 2}", amount=number)
    shop.new.execute("delete from tblbaseproduct where name in ('P0', 'P1')")
    assert shop.rows("select distinct productname from tblproduct") == [("P2",)]
    assert shop.value("select count(*) from tblconfigprice") == 3
    assert_same(shop)


def test_trap_02_a_before_trigger_returns_null(shop: Shop) -> None:
    own_trigger(
        shop, "tblproduct", "before insert or update or delete", "return null;", condition="true"
    )
    with pytest.raises(AssertionError):
        add(shop, "A")
    assert counts(shop) == (0, 0, 0, 0, 0)
    assert_same(shop)


def test_trap_02_a_before_trigger_suppresses_the_other_sides_write(shop: Shop) -> None:
    """The hierarchy's application refuses a new value by returning NULL: then both keep the old."""
    key = add(shop, "A", configname="x")
    own_trigger(shop, "tblconfig", "before update", "return null;")
    state = sqlstate(shop.old, "update tblproduct set configname = 'y' where productid = %s", [key])
    assert state is None or state.startswith("TD")
    assert_same(shop)


@pytest.mark.parametrize(
    "name", ["aa_own", "zz_own"], ids=["fires-before-ours", "fires-after-ours"]
)
def test_trap_02_a_before_trigger_changes_a_column_of_the_flat_row(shop: Shop, name: str) -> None:
    own_trigger(
        shop, "tblproduct", "before insert or update",
        "new.productname := upper(new.productname); new.status := 'set'; return new;", name,
    )  # fmt: skip
    key = add(shop, "abc")
    assert hierarchy(shop) == [("ABC", "1", "default", None, "set", None)]
    assert_same(shop)
    # an UPDATE of another column: no list of columns may hide the change
    shop.owner.execute("alter table tblproduct disable trigger " + name)
    shop.old.execute("update tblproduct set status = 'x', productname = 'low'")
    shop.owner.execute("alter table tblproduct enable trigger " + name)
    shop.old.execute("update tblproduct set updatedat = now() where productid = %s", (key,))
    assert hierarchy(shop) == [("LOW", "1", "default", None, "set", None)]
    assert_same(shop)
    # written by the sync, and changed by the trigger: what is stored is the truth for both
    shop.new.execute("update tblbaseproduct set name = 'renamed' where name = 'LOW'")
    assert_same(shop)
    shop.new.execute("update tblconfig set status = 'other'")
    assert_same(shop)


def test_trap_02_a_before_trigger_changes_a_column_of_the_leaf(shop: Shop) -> None:
    own_trigger(
        shop, "tblconfig", "before insert or update",
        "new.name := upper(new.name); new.status := 'set'; return new;",
    )  # fmt: skip
    key = add(shop, "A", configname="abc")
    assert hierarchy(shop) == [("A", "1", "default", "ABC", "set", None)]
    assert_same(shop)
    shop.old.execute("update tblproduct set configname = 'def' where productid = %s", (key,))
    assert shop.rows("select configname, status from tblproduct") == [("DEF", "set")]
    assert_same(shop)
    shop.new.execute("update tblconfig set name = 'ghi'")
    assert shop.rows("select configname from tblproduct") == [("GHI",)]
    assert_same(shop)


@pytest.mark.parametrize(
    ("table", "column"), [("tblbaseproduct", "name"), ("tblcatalog", "name"),
                          ("tblproductversion", "version")]
)  # fmt: skip
def test_trap_02_a_before_trigger_changes_the_key_of_a_parent(
    shop: Shop, table: str, column: str
) -> None:
    """No natural key can be found twice then: it works, or it fails in words, never in a loop."""
    own_trigger(
        shop, table, "before insert or update", f"new.{column} := upper(new.{column}); return new;"
    )
    state = sqlstate(
        shop.old,
        "insert into tblproduct (productname, version, catalogname) values ('abc', 'v', 'c')",
    )
    assert state is None or state == "TD031"
    assert_same(shop)
    add(shop, "ABC", version="V", catalogname="C")
    shop.new.execute(f"update {table} set {column} = 'renamed' where {column} = upper({column})")
    assert_same(shop)


def test_trap_02_a_before_trigger_changes_the_price(shop: Shop) -> None:
    own_trigger(
        shop, "tblconfigprice", "before insert or update",
        "new.amount := greatest(new.amount, 10); return new;",
    )  # fmt: skip
    key = add(shop, "A", amount=5)
    assert shop.value("select amount from tblproduct where productid = %s", key) == 10
    assert_same(shop)
    shop.old.execute("update tblproduct set amount = 7 where productid = %s", (key,))
    assert_same(shop)


def test_trap_02_a_leaf_trigger_changes_a_column_and_the_price_stays(shop: Shop) -> None:
    """One statement writes a column that is stored otherwise, and a price: neither is lost."""
    add(shop, "A", configname="x", amount=1)
    own_trigger(shop, "tblconfig", "before update", "new.name := upper(new.name); return new;")
    shop.old.execute("update tblproduct set configname = 'n', amount = 5")
    assert shop.rows("select configname, amount from tblproduct") == [("N", 5)]
    assert_same(shop)


# 3 ------------------------------------------------------------------------------------------------

SIBLINGS = """
update tblconfig set status = new.status
where catalogid = new.catalogid and configid <> new.configid and status is distinct from new.status;
return null;
"""
TWINS = """
update tblproduct set sku = new.sku
where productname = new.productname and productid <> new.productid and sku is distinct from new.sku;
return null;
"""


def test_trap_03_an_own_trigger_changes_a_sibling_configuration(shop: Shop) -> None:
    own_trigger(shop, "tblconfig", "after insert or update", SIBLINGS)
    one = add(shop, "A", configname="x", status="s1")
    add(shop, "A", configname="y", status="s2")
    assert shop.rows("select distinct status from tblproduct") == [("s2",)]
    assert_same(shop)
    shop.old.execute("update tblproduct set status = 's3' where productid = %s", (one,))
    assert shop.rows("select distinct status from tblproduct") == [("s3",)]
    assert_same(shop)
    shop.new.execute("update tblconfig set status = 's4' where name = 'y'")
    assert shop.rows("select distinct status from tblproduct") == [("s4",)]
    assert_same(shop)


def test_trap_03_an_own_trigger_changes_another_flat_row(shop: Shop) -> None:
    own_trigger(shop, "tblproduct", "after insert or update", TWINS)
    add(shop, "A", configname="x", sku="s1")
    two = add(shop, "A", configname="y", sku="s2")
    assert shop.rows("select distinct sku from tblconfig") == [("s2",)]
    assert_same(shop)
    shop.new.execute("update tblconfig set sku = 's3' where name = 'x'")
    assert shop.rows("select distinct sku from tblconfig") == [("s3",)]
    assert_same(shop)
    shop.old.execute("update tblproduct set sku = 's4' where productid = %s", (two,))
    assert shop.rows("select distinct sku from tblconfig") == [("s4",)]
    assert_same(shop)


def test_trap_03_both_sides_have_such_triggers(shop: Shop) -> None:
    own_trigger(shop, "tblconfig", "after insert or update", SIBLINGS, "zz_leaf")
    own_trigger(shop, "tblproduct", "after insert or update", TWINS, "zz_flat")
    for config in "xyz":
        add(shop, "A", configname=config, status=config, sku=config)
    assert shop.rows("select distinct status, sku from tblconfig") == [("z", "z")]
    assert_same(shop)
    shop.new.execute("update tblconfig set status = 'n', sku = 'n' where name = 'x'")
    assert shop.rows("select distinct status, sku from tblproduct") == [("n", "n")]
    assert_same(shop)
    shop.old.execute("update tblproduct set status = 'o', sku = 'o' where configname = 'y'")
    assert shop.rows("select distinct status, sku from tblconfig") == [("o", "o")]
    assert_same(shop)


def test_trap_03_a_trigger_of_another_table_writes_the_flat_table_at_depth_two(shop: Shop) -> None:
    shop.owner.execute(
        """
        create table inbox (name text, amount numeric);
        create table staging (name text, amount numeric);
        """
    )
    own_trigger(
        shop, "inbox", "after insert",
        "insert into staging values (new.name, new.amount); return null;", "to_staging",
    )  # fmt: skip
    own_trigger(
        shop, "staging", "after insert",
        "insert into tblproduct (productname, amount) values (new.name, new.amount);"
        "update tblproduct set status = 'in' where productname = new.name; return null;", "to_flat",
    )  # fmt: skip
    shop.owner.execute("insert into inbox values ('A', 1), ('B', 2)")
    assert hierarchy(shop) == [
        ("A", "1", "default", None, "in", 1),
        ("B", "1", "default", None, "in", 2),
    ]
    assert_same(shop)


def test_trap_03_an_own_trigger_on_the_leaf_writes_the_flat_table(shop: Shop) -> None:
    """At the depth of the sync's own echo, and no echo: it must not be skipped."""
    own_trigger(
        shop, "tblconfig", "after update",
        "update tblproduct set sku = 'from trigger' where configid = new.configid; return null;",
        condition="old.status is distinct from new.status",
    )  # fmt: skip
    key = add(shop, "A", status="s1", sku="s")
    shop.old.execute("update tblproduct set status = 's2' where productid = %s", (key,))
    assert shop.value("select sku from tblconfig") == "from trigger"
    assert_same(shop)
    # the trigger is the owner's, and new_app has no right on the flat table
    shop.owner.execute("update tblconfig set status = 's3', sku = 'direct'")
    assert shop.value("select sku from tblproduct") == "from trigger"
    assert_same(shop)


def test_trap_03_an_own_trigger_touches_the_leaf_and_the_price_stays(shop: Shop) -> None:
    own_trigger(
        shop, "tblconfig", "after insert or update",
        "update tblconfig set sku = 't' where configid = new.configid; return null;",
        condition="new.sku is distinct from 't'",
    )  # fmt: skip
    add(shop, "A", configname="x", amount=1)
    assert shop.rows("select sku, amount from tblproduct") == [("t", 1)]
    assert_same(shop)
    shop.old.execute("update tblproduct set configname = 'n', sku = 's', amount = 5")
    assert shop.rows("select configname, sku, amount from tblproduct") == [("n", "t", 5)]
    assert_same(shop)


def test_trap_03_a_client_that_sets_the_origin_itself_changes_nothing(shop: Shop) -> None:
    key = add(shop, "A0", configname="x")
    for depth in range(4):
        shop.old.execute("select set_config('tandem.origin', %s, false)", (f"sync:{depth}",))
        shop.new.execute("select set_config('tandem.origin', %s, false)", (f"sync:{depth}",))
        shop.old.execute(
            "update tblproduct set configname = %s where productid = %s", (f"o{depth}", key)
        )
        assert_same(shop)
        shop.new.execute(
            "update tblbaseproduct set name = %s where name = %s", (f"A{depth + 1}", f"A{depth}")
        )
        assert_same(shop)
        add(shop, f"A{depth + 1}", configname=f"y{depth}")
        assert_same(shop)


# 4 ------------------------------------------------------------------------------------------------


def test_trap_04_rows_of_one_statement_share_new_parents(shop: Shop) -> None:
    shop.old.execute(
        "insert into tblproduct (productname, version, amount)"
        " select 'P' || i % 3, 'v' || i % 2, i from generate_series(1, 60) as i"
    )
    assert counts(shop) == (3, 6, 6, 60, 60)
    assert_same(shop)
    shop.old.execute("update tblproduct set productname = 'New', catalogname = 'new'")
    assert shop.value("select count(*) from tblbaseproduct where name = 'New'") == 1
    assert shop.value("select count(*) from tblcatalog where name = 'new'") == 2
    assert_same(shop)


def test_trap_04_insert_delete_insert_of_one_key_in_one_transaction(shop: Shop) -> None:
    with shop.old.transaction():
        shop.old.execute(
            "insert into tblproduct (productid, productname, amount) values (5, 'A', 1)"
        )
        shop.old.execute("delete from tblproduct where productid = 5")
        shop.old.execute(
            "insert into tblproduct (productid, productname, amount) values (5, 'B', 2)"
        )
        shop.old.execute("update tblproduct set configname = 'last' where productid = 5")
    assert hierarchy(shop) == [("B", "1", "default", "last", None, 2)]
    assert shop.value("select count(*) from tandem_products.kept") == 0
    assert_same(shop)


def test_trap_04_the_same_key_again_gets_its_configuration_back(shop: Shop) -> None:
    key = add(shop, "A", configname="x", amount=1)
    shop.new.execute("update tblconfig set notes = 'only here'")
    shop.old.execute("update tblproduct set amount = 2")
    leaf = shop.value("select configid from tblproduct")
    prices = shop.rows("select priceid, amount, effectivefrom from tblconfigprice order by 3")
    assert len(prices) == 2
    shop.old.execute("delete from tblproduct where productid = %s", (key,))
    assert counts(shop)[3:] == (0, 0)
    add(shop, "B", productid=key, configname="y", amount=2)
    assert shop.rows("select configid, notes, name from tblconfig") == [(leaf, "only here", "y")]
    again = shop.rows("select priceid, amount, effectivefrom from tblconfigprice order by 3")
    assert again == prices
    assert_same(shop)


def test_trap_04_savepoints_rolled_back(shop: Shop) -> None:
    key = add(shop, "A", configname="x", amount=1)
    with shop.old.transaction():
        shop.old.execute("update tblproduct set configname = 'kept' where productid = %s", (key,))
        with shop.old.transaction(force_rollback=True):
            shop.old.execute("update tblproduct set productname = 'gone', amount = 9")
            shop.old.execute("insert into tblproduct (productname) values ('gone too')")
        shop.old.execute("update tblproduct set amount = 3 where productid = %s", (key,))
        shop.old.execute("update tblproduct set amount = 4 where productid = %s", (key,))
    assert hierarchy(shop) == [("A", "1", "default", "kept", None, 4)]
    assert names(shop) == ["A"]
    # the second change of one transaction replaces the first
    assert shop.value("select count(*) from tblconfigprice") == 2
    assert_same(shop)


# 5 ------------------------------------------------------------------------------------------------


def test_trap_05_one_transaction_flat_hierarchy_flat(shop: Shop) -> None:
    key = add(shop, "A", configname="x", status="s", amount=1)
    owner = shop.owner
    with owner.transaction():
        owner.execute("update tblproduct set configname = 'flat1', amount = 2")
        owner.execute("update tblconfig set name = 'hier', status = 'hier'")
        owner.execute("update tblbaseproduct set name = 'renamed'")
        owner.execute(
            "insert into tblconfigprice (configid, amount) select configid, 3 from tblconfig"
        )
        row = owner.execute("select configname, status, productname, amount from tblproduct")
        assert row.fetchall() == [("hier", "hier", "renamed", 3)]
        owner.execute("update tblproduct set configname = 'flat2', amount = 4 where productid = %s",
                      (key,))  # fmt: skip
    assert hierarchy(shop) == [("renamed", "1", "default", "flat2", "hier", 4)]
    assert_same(shop)


def test_trap_05_a_rejected_row_keeps_its_amount(shop: Shop) -> None:
    """What was written while the row was rejected waits for its correction."""
    add(shop, "A", configname="x", amount=7)
    shop.old.execute("update tblproduct set productname = '', amount = 8")
    shop.new.execute("update tblconfig set status = 's'")
    assert shop.rows("select amount, status from tblproduct") == [(8, "s")]
    shop.old.execute("update tblproduct set productname = 'B'")
    assert hierarchy(shop) == [("B", "1", "default", "x", "s", 8)]
    assert_same(shop)


# 6 ------------------------------------------------------------------------------------------------


def deferrable_key(shop: Shop) -> None:
    shop.owner.execute(
        "alter table tblproduct drop constraint tblproduct_pkey,"
        " add primary key (productid) deferrable initially immediate"
    )


def test_trap_06_key_swap_in_one_statement(shop: Shop) -> None:
    deferrable_key(shop)
    for key, name in ((1, "A"), (2, "B")):
        add(shop, name, productid=key, configname=name.lower(), amount=key)
    leaves: dict[str, object] = dict(shop.rows("select productname, configid from tblproduct"))
    shop.old.execute("update tblproduct set productid = 3 - productid, status = 's' || productid")
    assert dict(shop.rows("select productname, configid from tblproduct")) == leaves
    assert shop.rows("select productid, productname, configname, status, amount from tblproduct"
                     " order by 1") == [(1, "B", "b", "s2", 2), (2, "A", "a", "s1", 1)]  # fmt: skip
    assert_same(shop)


def test_trap_06_key_shift_with_a_move(shop: Shop) -> None:
    deferrable_key(shop)
    for key in range(1, 6):
        add(shop, f"P{key}", productid=key, amount=key)
    leaves = {row[0]: row[1] for row in shop.rows("select productid, configid from tblproduct")}
    shop.old.execute(
        "update tblproduct set productid = productid + 1, productname = 'Q' || productid,"
        " amount = amount * 10"
    )
    after = shop.rows("select productid, configid, productname, amount from tblproduct order by 1")
    assert after == [(key + 1, leaves[key], f"Q{key}", 10 * key) for key in range(1, 6)]
    assert_same(shop)


def test_trap_06_the_notes_of_rejected_rows_follow_their_keys(shop: Shop) -> None:
    deferrable_key(shop)
    for key, name in ((1, ""), (2, "B"), (3, " ")):
        add(shop, name, productid=key)
    shop.old.execute("update tblproduct set productid = 3 - productid where productid < 3")
    query = "select row_key from tandem.rejected_row where resolved_at is null order by 1"
    assert shop.rows(query) == [("2",), ("3",)]
    # two rejected rows exchange their keys
    assert (
        sqlstate(shop.old, "update tblproduct set productid = 5 - productid where productid > 1")
        is None
    )
    assert shop.rows(query) == [("2",), ("3",)]
    # and a shift over neighbours
    assert sqlstate(shop.old, "update tblproduct set productid = productid + 1") is None
    assert shop.rows(query) == [("3",), ("4",)]
    shop.old.execute("update tblproduct set productname = 'fine'")
    assert shop.rows(query) == []
    assert_same(shop)


# 7 ------------------------------------------------------------------------------------------------


def refused_prepare(database: Database) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught:
        database.owner().execute("call tandem.prepare('products')")
    assert caught.value.sqlstate == "TD004"
    assert caught.value.diag.message_hint
    return caught.value


def test_trap_07_a_partitioned_flat_table_is_refused(db: Database) -> None:
    owner = db.owner()
    owner.execute(
        """
        alter table tblproduct rename to before;
        create table tblproduct (like before including all) partition by hash (productid);
        create table part partition of tblproduct for values with (modulus 1, remainder 0)
        """
    )
    assert "partitioned" in (refused_prepare(db).diag.message_detail or "")


def test_trap_07_inheritance_children_are_refused(db: Database) -> None:
    db.owner().execute("create table child () inherits (tblproduct)")
    assert "child" in (refused_prepare(db).diag.message_detail or "")


def test_trap_07_a_partition_of_another_table_is_refused(db: Database) -> None:
    owner = db.owner()
    owner.execute(
        """
        create table whole (like tblproduct including defaults) partition by range (productid);
        alter table tblproduct alter productid drop identity;
        alter table whole attach partition tblproduct for values from (0) to (1000);
        """
    )
    refused_prepare(db)


def test_trap_07_a_child_added_later_is_found_by_analyze(shop: Shop) -> None:
    shop.owner.execute("create table child () inherits (tblproduct)")
    findings = shop.rows("select severity, finding from tandem.analyze('products')")
    assert ("blocker", "has inheritance children or parents") in findings
    shop.owner.execute("insert into child (productid, productname) values (99, 'unseen')")
    assert shop.drift() != []


# 8 ------------------------------------------------------------------------------------------------


def test_trap_08_a_column_added_later_does_not_stop_old_inserts(shop: Shop) -> None:
    add(shop, "A", amount=1)
    shop.owner.execute(
        "alter table tblproduct add column colour text not null default 'red';"
        "alter table tblconfig add column colour text not null default 'blue'"
    )
    key = add(shop, "B", amount=2)
    shop.old.execute(
        "update tblproduct set colour = 'green', amount = 3 where productid = %s", (key,)
    )
    shop.new.execute(
        "insert into tblconfig (catalogid, name) select catalogid, 'n' from tblcatalog"
    )
    assert_same(shop)
    assert shop.rows("select distinct colour from tblconfig") == [("blue",)]
    stale = shop.value(
        "select to_jsonb(s)::text from tandem.status as s where mapping = 'products'"
    )
    assert "colour" in stale


def test_trap_08_a_column_added_later_survives_deletion_and_return(shop: Shop) -> None:
    """What is kept of a deleted row is all of it, the columns of later times as well."""
    key = add(shop, "A")
    shop.owner.execute("alter table tblconfig add column colour text not null default 'blue'")
    shop.new.execute("update tblconfig set colour = 'teal'")
    shop.old.execute("delete from tblproduct")
    add(shop, "A", productid=key)
    assert_same(shop)
    assert shop.rows("select colour from tblconfig") == [("teal",)]


# 9 ------------------------------------------------------------------------------------------------


def test_trap_09_what_replica_sessions_missed_is_shown_as_drift(shop: Shop) -> None:
    key, other = add(shop, "A", configname="x", amount=1), add(shop, "B", amount=1)
    third = add(shop, "C")
    root = shop.db.superuser()
    root.execute("set session_replication_role = replica")
    root.execute("update tblproduct set configname = 'y', amount = 2 where productid = %s", (key,))
    root.execute("delete from tblconfig where configid = (select configid from tblproduct"
                 " where productid = %s)", (other,))  # fmt: skip
    root.execute("delete from tblproduct where productid = %s", (third,))
    root.execute("insert into tblproduct (productname) values ('unseen')")
    found = shop.rows("select kind, column_name, flat_value, hierarchy_value"
                      " from tandem.drift('products') order by 1, 2")  # fmt: skip
    assert found == [
        ("flat_only", None, None, None),
        ("hierarchy_only", None, None, None),
        ("not_migrated", None, None, None),
        ("value", "amount", "2.00", "1.00"),
        ("value", "configname", "y", "x"),
    ]
    assert shop.value("select tandem.drift_count('products')") == 5
    failed = shop.rows("select check_name from tandem.validate('products') where not passed")
    assert {"every row migrated", "a leaf per flat row", "a flat row per leaf", "values"} <= {
        row[0] for row in failed
    }


def test_trap_09_the_next_write_heals_the_row(shop: Shop) -> None:
    key = add(shop, "A", configname="x", configdata=Jsonb({"a": 1}))
    root = shop.db.superuser()
    root.execute("set session_replication_role = replica")
    root.execute("delete from tblconfig")
    shop.old.execute("update tblproduct set configname = 'y' where productid = %s", (key,))
    assert_same(shop)
