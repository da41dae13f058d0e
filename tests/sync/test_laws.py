"""The laws of the sync, as properties of random histories on both sides.

Each for both mappings, with the shortcut that skips echoes and without it, written by roles that
own nothing. More examples: HYPOTHESIS_PROFILE=long pytest tests/sync/test_laws.py
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import given, note, settings, target
from hypothesis import strategies as st
from psycopg import sql as pgsql

from pgtandem.sqltext import ident
from sync.histories import EXPECTED, NEW, OLD, Histories, Op
from sync.model import disagreements, read
from sync.scheduler import Interleaving, Session
from sync.shops import Shop

Snapshot = dict[str, dict[Any, dict[str, Any]]]


class History:
    """Runs operations one by one and keeps what ran, to be pasted."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.log: list[str] = []
        shop.reset()
        if shop.mapping.flat.new_key is None:
            shop.owner.execute(
                f"alter table {shop.flat} alter {ident(shop.mapping.flat.key)} restart"
            )

    def do(self, *operations: Op) -> bool:
        """Run them, each in its own transaction; True where all were accepted."""
        accepted = True
        for op in operations:
            conn = self.shop.old if op.role == OLD else self.shop.new
            self.log.append(str(op))
            try:
                conn.execute(op.text)
            except psycopg.Error as error:
                self.log[-1] += f"  -- {error.sqlstate}"
                if error.sqlstate not in EXPECTED:
                    self.tell()
                    raise
                accepted = False
        return accepted

    def tell(self) -> None:
        """Say what ran; printed with the smallest failing example."""
        note("\n".join(["", *self.log]))

    def check(self, condition: bool, what: str) -> None:
        """Fail with the history."""
        if not condition:
            self.tell()
            pytest.fail(what)

    def check_in_step(self) -> None:
        """Both by the model in Python and by the database's own drift."""
        wrong = disagreements(self.shop)
        self.check(not wrong, "\n".join(wrong))
        drift = self.shop.drift()
        self.check(not drift, f"drift: {drift}")


def versions(shop: Shop, tables: tuple[str, ...]) -> list[Any]:
    """Which version of each row of some tables is there: changes with every write."""
    return [row for table in tables for row in shop.rows(f"select ctid, xmin::text from {table}")]


def snapshot(shop: Shop) -> Snapshot:
    """All rows of all tables by key; the added columns of the flat table without the link ids."""
    parts = {"flat": (shop.flat, shop.mapping.flat.key, shop.mapping.flat.types)}
    for part in shop.parts:
        parts[part.name] = (shop.table(part.name), part.id, part.types)
    return {
        name: {row[key]: row for row in read(shop, table, types)}
        for name, (table, key, types) in parts.items()
    }


def changed_columns(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The columns whose value changed at all, exactly: 1.0 is not 1.00 here."""
    return {name for name in before if str(before[name]) != str(after[name])}


@pytest.fixture
def histories(any_shop: Shop) -> Histories:
    return Histories(any_shop.mapping)


def operations(histories: Histories, most: int = 8) -> st.SearchStrategy[list[Op]]:
    return st.lists(histories.any_op, max_size=most)


@given(data=st.data())
def test_putget_after_each_write_the_other_side_is_its_projection(
    any_shop: Shop, histories: Histories, data: st.DataObject
) -> None:
    history = History(any_shop)
    history.do(*data.draw(histories.start()))
    history.check_in_step()
    for op in data.draw(st.lists(histories.any_op, min_size=1, max_size=8)):
        rows = rows_of(any_shop, histories, op)
        accepted = history.do(op)
        history.check_in_step()
        if accepted and op.columns and op.kind != "move":
            check_stored(history, histories, op, rows)


def rows_of(shop: Shop, histories: Histories, op: Op) -> list[Any]:
    """The keys of the rows that an UPDATE is about to write."""
    if not op.columns:
        return []
    _, where, condition = op.text.partition(" where ")
    key = ident(histories.key(op.part))
    return [
        row[0]
        for row in shop.rows(
            f"select {key}::text from {histories.table(op.part)}{where}{condition}"
        )
    ]


def check_stored(history: History, histories: Histories, op: Op, rows: list[Any]) -> None:
    """The written side keeps what was written: the sync did not write back something else."""
    key, table = ident(histories.key(op.part)), histories.table(op.part)
    stored = history.shop.rows(
        f"select * from {table} where {key}::text = any (%s) and not ({_says(histories, op)})", rows
    )
    history.check(stored == [], f"{stored} do not hold what was written")


def _says(histories: Histories, op: Op) -> str:
    """A condition: the row holds the values of an UPDATE."""
    types = histories.types(op.part)
    sets = op.text.split(" set ", 1)[1].partition(" where ")[0]
    terms = []
    for part, name in zip(_split(sets), op.columns, strict=True):
        value = part.split(" = ", 1)[1]
        as_text = "::text" if types[name] in ("json", "point") else ""
        terms.append(f"{ident(name)}{as_text} is not distinct from {value}::{types[name]}{as_text}")
    return " and ".join(terms)


def _split(sets: str) -> list[str]:
    """The assignments of an UPDATE; a comma inside a string is none between them."""
    found, quoted = [""], False
    for character in sets:
        quoted ^= character == "'"
        if character == "," and not quoted:
            found.append("")
        else:
            found[-1] += character
    return found


@given(data=st.data())
def test_getput_writing_back_what_is_there_writes_nothing(
    any_shop: Shop, histories: Histories, data: st.DataObject
) -> None:
    shop, mapping = any_shop, any_shop.mapping
    history = History(shop)
    history.do(*data.draw(histories.start()), *data.draw(operations(histories)))

    before = versions(shop, shop.hierarchy)
    columns = [pair.flat for pair in mapping.pairs]
    # an ORM sends all columns that it has read, the sync columns as well
    columns += [mapping.flat.status, *(level.sync for level in mapping.chain)]
    same = ", ".join(f"{ident(name)} = {ident(name)}" for name in columns)
    history.do(Op(OLD, f"update {shop.flat} set {same}", "flat"))
    history.check(versions(shop, shop.hierarchy) == before, "the hierarchy was written")

    before = versions(shop, (shop.flat,))
    for part in shop.parts:
        names = [part.id, *dict(part.types)] + ([part.parent] if part.parent else [])
        same = ", ".join(f"{ident(name)} = {ident(name)}" for name in names)
        history.do(Op(NEW, f"update {shop.table(part.name)} set {same}", part.name))
    history.check(versions(shop, (shop.flat,)) == before, "the flat table was written")


@given(data=st.data())
def test_others_untouched_a_flat_write_changes_no_other_flat_row(
    any_shop: Shop, histories: Histories, data: st.DataObject
) -> None:
    shop, key = any_shop, ident(any_shop.mapping.flat.key)
    history = History(shop)
    history.do(*data.draw(histories.start()), *data.draw(operations(histories)))
    one_row = st.one_of(histories.flat_update, histories.flat_insert, histories.delete("flat"))
    for op in data.draw(st.lists(one_row, min_size=1, max_size=4)):
        query = f"select {key}, ctid, xmin::text from {shop.flat}"
        before = set(shop.rows(query))
        history.do(op)
        after = set(shop.rows(query))
        changed = {row[0] for row in before ^ after}
        history.check(len(changed) <= 1, f"rows {changed} changed")


@given(data=st.data())
def test_complement_kept_what_the_flat_table_cannot_hold_survives(
    any_shop: Shop, histories: Histories, data: st.DataObject
) -> None:
    shop, mapping = any_shop, any_shop.mapping
    history = History(shop)
    history.do(*data.draw(histories.start()), *data.draw(operations(histories)))
    writes = st.one_of(histories.flat_update, histories.flat_insert, histories.flat_bulk)
    for op in data.draw(st.lists(writes, min_size=1, max_size=4)):
        before = snapshot(shop)
        history.do(op)
        after = snapshot(shop)
        for level in mapping.chain:
            for row_id, row in before[level.name].items():
                history.check(row_id in after[level.name], f"{level.name} {row_id} is gone")
                changed = changed_columns(row, after[level.name][row_id])
                mapped = {pair.hier for pair in mapping.leaf.pairs}
                mapped |= {mapping.leaf.parent or "", mapping.leaf.actor or ""}
                allowed = mapped if level is mapping.leaf else set()
                history.check(changed <= allowed, f"{level.name} {row_id}: {changed} changed")
        for satellite in mapping.satellites:
            for row_id, row in before[satellite.name].items():
                kept = after[satellite.name].get(row_id)
                history.check(kept == row, f"{satellite.name} {row} became {kept}")
        history.check_in_step()


@settings(max_examples=max(3, settings().max_examples // 5))
@given(data=st.data())
def test_complement_kept_over_a_rollback_and_a_roll_forward(
    any_shop: Shop, histories: Histories, data: st.DataObject
) -> None:
    """Old programs write on alone in between; the new tables' own columns and rows come back."""
    shop, mapping = any_shop, any_shop.mapping
    history = History(shop)
    history.do(*data.draw(histories.start()), *data.draw(operations(histories, 12)))
    before = snapshot(shop)
    hierarchy = data.draw(st.sampled_from(["keep", "remove"]))
    drop = data.draw(st.booleans())
    rollback = f"call tandem.rollback('{mapping.name}', '{hierarchy}', {drop})"
    history.log.append(f"{rollback};")
    shop.owner.execute(rollback)
    meanwhile = st.one_of(histories.flat_update, histories.flat_insert, histories.delete("flat"))
    history.do(*data.draw(st.lists(meanwhile, max_size=4)))
    alone = snapshot_of_flat(shop)
    for call in ("prepare", "migrate"):
        history.log.append(f"call tandem.{call}('{mapping.name}');")
        shop.owner.execute(f"call tandem.{call}(%s)", (mapping.name,))
    history.check_in_step()
    after = snapshot(shop)
    mapped = [pair.flat for pair in mapping.pairs]
    for key, row in alone.items():
        same = all(str(row[name]) == str(after["flat"][key][name]) for name in mapped)
        history.check(same, f"row {key} was {row} and is {after['flat'][key]}")
    for key in before["flat"].keys() & after["flat"].keys():
        leaf = before["flat"][key][mapping.leaf.sync]
        if leaf is None or after["flat"][key][mapping.flat.status] != "active":
            continue
        history.check(
            after["flat"][key][mapping.leaf.sync] == leaf, f"row {key} got another leaf than {leaf}"
        )
        was, is_now = before[mapping.leaf.name][leaf], after[mapping.leaf.name][leaf]
        unmapped = [name for name in mapping.leaf.unmapped if name != mapping.leaf.actor]
        for name in unmapped:
            history.check(str(was[name]) == str(is_now[name]), f"leaf {leaf}: {name} is lost")
        for satellite in mapping.satellites:
            for row_id, row in before[satellite.name].items():
                if row[satellite.parent] == leaf:
                    kept = after[satellite.name].get(row_id)
                    history.check(kept == row, f"{satellite.name} {row} became {kept}")
        unwritten = all(
            str(before["flat"][key][pair.flat]) == str(after["flat"][key][pair.flat])
            for level in mapping.levels
            for pair in level.pairs
        )
        for level in mapping.levels if unwritten else ():
            was = before[level.name][before["flat"][key][level.sync]]
            is_now = after[level.name][after["flat"][key][level.sync]]
            for name in level.unmapped:
                history.check(str(was[name]) == str(is_now[name]), f"{level.name}: {name} is lost")


def snapshot_of_flat(shop: Shop) -> dict[Any, dict[str, Any]]:
    """All flat rows by key."""
    key = shop.mapping.flat.key
    return {row[key]: row for row in read(shop, shop.flat, shop.mapping.flat.types)}


@given(data=st.data())
def test_lossy_columns_an_unrelated_write_changes_nothing_else(
    any_shop: Shop, histories: Histories, data: st.DataObject
) -> None:
    """Never rounded, trimmed, re-cased, or a default written back."""
    shop, mapping = any_shop, any_shop.mapping
    history = History(shop)
    history.do(*data.draw(histories.start()), *data.draw(operations(histories)))
    flat_names = {pair.hier: pair.flat for pair in mapping.leaf.pairs}
    for op in data.draw(
        st.lists(
            st.one_of(histories.flat_update, *histories.hierarchy_updates), min_size=1, max_size=4
        )
    ):
        before = snapshot(shop)
        history.do(op)
        after = snapshot(shop)
        own = {mapping.flat.touch} if mapping.flat.touch else set()
        if op.part == "flat":
            touched = {pair.hier for pair in mapping.leaf.pairs if pair.flat in op.columns}
            keys = {pair.flat for level in mapping.levels for pair in level.pairs}
            touched |= {mapping.leaf.parent or ""} if keys & set(op.columns) else set()
            touched |= {mapping.leaf.actor or ""}
            rejected = {
                row[mapping.leaf.sync]
                for row in before["flat"].values()
                if row[mapping.flat.status] == "rejected"
            }
            for row_id, row in before[mapping.leaf.name].items():
                changed = changed_columns(row, after[mapping.leaf.name][row_id])
                # a rejected row that is in order again brings all that was written meanwhile
                history.check(
                    row_id in rejected or changed <= touched, f"leaf: {changed - touched} changed"
                )
        else:
            if op.part == mapping.leaf.name:
                own |= {flat_names[name] for name in op.columns if name in flat_names}
                # a dated row that is due comes into force with any write of the leaf
            for part in shop.parts:
                if part is not mapping.leaf and part.name == op.part:
                    own |= {pair.flat for pair in part.pairs}
            links = {mapping.flat.status, *(level.sync for level in mapping.chain)}
            for key, row in before["flat"].items():
                if row[mapping.flat.status] == "active":
                    changed = changed_columns(row, after["flat"][key])
                    history.check(changed <= own, f"row {key}: {changed - own} changed")
                else:
                    changed = changed_columns(row, after["flat"][key])
                    history.check(changed <= own | links, f"row {key}: {changed - own} changed")


def transactions(histories: Histories, role: str) -> st.SearchStrategy[list[list[str]]]:
    """Some transactions of one session, mostly of one side, as an application's are."""
    ops = histories.hot_ops(role) | (histories.flat_ops if role == OLD else histories.hierarchy_ops)
    statements = st.builds(
        lambda op, undone: [op.text] if not undone else ["savepoint s", op.text, "rollback to s"],
        ops,
        st.integers(0, 9).map(lambda number: number == 0),
    )
    level = st.sampled_from(["read committed"] * 5 + ["repeatable read", "serializable"])
    one = st.builds(
        lambda isolation, parts, end: [
            f"begin isolation level {isolation}",
            *(text for part in parts for text in part),
            end,
        ],
        level,
        st.lists(statements, min_size=1, max_size=3),
        st.sampled_from(["commit"] * 5 + ["rollback"]),
    )
    return st.lists(one, min_size=1, max_size=4)


@pytest.mark.parametrize("roles", [(OLD, NEW), (OLD, OLD), (NEW, NEW)], ids="both old new".split())
@given(data=st.data())
def test_convergence_two_sessions_drift_is_empty_at_every_commit(
    any_shop: Shop, histories: Histories, roles: tuple[str, str], data: st.DataObject
) -> None:
    shop = any_shop
    hasten_deadlocks(shop)
    history = History(shop)
    history.do(*data.draw(histories.start()))
    work = [data.draw(transactions(histories, role)) for role in roles]
    schedule = data.draw(st.lists(st.booleans(), min_size=1, max_size=12))
    sessions = [
        Session(shop.connect(role), f"session {number}, {role}")
        for number, role in enumerate(roles, 1)
    ]
    interleaving = Interleaving()
    interleaving.log = history.log

    def check() -> None:
        drift = shop.drift()
        history.check(not drift, f"drift: {drift}")

    try:
        interleaving.run(shop.owner, sessions, work, schedule, check)
        history.check_in_step()
    except AssertionError:
        history.tell()
        raise
    finally:
        for session in sessions:
            session.conn.close()
    target(float(sum(interleaving.errors.values())), label="refused statements")


def hasten_deadlocks(shop: Shop) -> None:
    """New sessions look for a deadlock after 20 ms instead of a second, where we may say so."""
    if shop.db.server.is_superuser:
        with shop.db.server.admin() as admin:
            admin.execute(
                pgsql.SQL("alter database {} set deadlock_timeout = '20ms'").format(
                    pgsql.Identifier(shop.db.clone_name)
                )
            )
