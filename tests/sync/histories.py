"""Random histories on both sides, as SQL that can be pasted.

An operation is one statement of one role. Rows are named by their place in the order of their keys,
inside the statement, so that a printed history runs again in an empty database.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hypothesis import strategies as st

from pgtandem.mapping import Level, Mapping, Satellite
from pgtandem.sqltext import ident, literal, relation

OLD, NEW = "old_app", "new_app"

# What a shop may refuse of a random statement, and why:
EXPECTED = frozenset(
    """
    23505 23502 23503 TD040 TD043
    """.split()
)  # unique, not null, foreign key, does not fit the flat table, a rename in REPEATABLE READ
RETRIED = frozenset("40P01 40001 55P03".split())

PRODUCT_VALUES: dict[str, list[str | None]] = {
    "flat.productname": ["A", "B", "C ", "Ünï", ""],
    "flat.version": [None, "", "1", "v2"],
    "flat.catalogname": [None, " ", "default", "x"],
    "flat.configname": [None, "c1", "c2", ""],
    "flat.sku": [None, "s1", "s2"],
    "flat.configdata": [None, '{"a": 1}', '{"a": 1.0}', "[]"],
    "flat.status": [None, "on", "off"],
    "flat.amount": [None, "0", "1", "2.5"],
    "flat.currency": [None, "USD", "EUR"],
    "base.name": ["A", "B", "Z"],
    "base.description": [None, "d1", "d2"],
    "version.version": ["1", "v2", "v3"],
    "version.releasedon": [None, "2020-01-01"],
    "catalog.name": ["default", "x", "y"],
    "catalog.description": [None, "d"],
    "config.name": [None, "c1", "h"],
    "config.sku": [None, "s1", "s9"],
    "config.attributes": [None, '{"a": 1}', '{"b": 2}'],
    "config.status": [None, "on", "gone"],
    "config.notes": [None, "n1", "n2"],
    "price.amount": [None, "0", "3", "4"],
    "price.currency": [None, "USD", "GBP"],
    "price.note": [None, "p"],
}

ORDER_VALUES: dict[str, list[str | None]] = {
    "flat.Kunde Name": ["A", 'B"', None, " "],
    "flat.group": [None, "", "it's none", "g"],
    'flat.Artikel "roh" Nr': [None, "a", "twelve chars"],
    "flat.Daten": [None, '{"a": 1}', '{"a":1}', "[]"],
    "flat.Rabatt": [None, "1", "1.5", "NaN", "2.675"],
    "flat.Land": [None, "D", "DE"],
    "flat.Preis": [None, "0", "1", "2.5"],
    "flat.Währung": [None, "EUR", "SFr"],
    "order.Kunde": ["A", "Z"],
    "order.group": ["it's none", "g", "h"],
    'order.Vermerk "intern"': [None, "v1", "v2"],
    "position.Artikel": [None, "a", "far too long for the flat table"],
    "position.Daten": [None, '{"a": 1}', '{"b":2}'],
    "position.Rabatt": [None, "1.50", "1.005", "NaN"],
    "position.table": [None, "D", "CH"],
    "position.Lager Platz": [None, "(1,2)"],
    "position.geändert von": ["new"],
    "tarif.Betrag": [None, "0", "3", "4"],
    "tarif.Währung": [None, "EUR", "GBP"],
    "tarif.Liste": ["Nor'mal", "Nor'mal", "other"],
}

Values = dict[str, str | None]


@dataclass(frozen=True)
class Op:
    """One statement, who runs it, and which columns of which part it names ('' for a whole row)."""

    role: str
    text: str
    part: str
    columns: tuple[str, ...] = ()
    kind: str = "update"

    def __str__(self) -> str:
        return f"/* {self.role} */ {self.text};"


class Histories:
    """Strategies for the operations of one mapping."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.pools = PRODUCT_VALUES if mapping.name == "products" else ORDER_VALUES

    def table(self, part: str) -> str:
        """A part's table: flat, a level's name or a satellite's."""
        if part == "flat":
            return relation(self.mapping.flat.table, self.mapping.schema)
        return relation(self._part(part).table, self.mapping.schema)

    def key(self, part: str) -> str:
        """The column that identifies a row of a part."""
        return self.mapping.flat.key if part == "flat" else self._part(part).id

    def types(self, part: str) -> dict[str, str]:
        """The types of a part's columns."""
        return dict(self.mapping.flat.types if part == "flat" else self._part(part).types)

    def _part(self, name: str) -> Level | Satellite:
        parts: tuple[Level | Satellite, ...] = (*self.mapping.chain, *self.mapping.satellites)
        return next(part for part in parts if part.name == name)

    def nth(self, part: str, place: int) -> str:
        """The key of the row at a place, as a scalar subquery."""
        table, key = self.table(part), ident(self.key(part))
        return (
            f"(select {key} from {table} order by {key} offset "
            f"(select {place} % greatest(count(*), 1) from {table}) limit 1)"
        )

    def columns(self, part: str) -> list[str]:
        """The columns of a part that histories write."""
        return [name.split(".", 1)[1] for name in self.pools if name.split(".", 1)[0] == part]

    def values(
        self, part: str, least: int = 1, mapped: bool | None = None
    ) -> st.SearchStrategy[Values]:
        """Some columns of a part with values."""
        names = self.columns(part)
        if mapped is not None:
            names = [name for name in names if self.is_mapped(part, name) == mapped]
        return st.fixed_dictionaries(
            {}, optional={name: st.sampled_from(self.pools[f"{part}.{name}"]) for name in names}
        ).filter(lambda values: len(values) >= least)

    def is_mapped(self, part: str, column: str) -> bool:
        """Whether the other side holds the column too."""
        if part == "flat":
            return True
        return column in {pair.hier for pair in self._part(part).pairs}

    def update(self, part: str, place: int, values: Values) -> Op:
        """One row's columns."""
        sets = ", ".join(f"{ident(name)} = {literal(value)}" for name, value in values.items())
        return Op(
            OLD if part == "flat" else NEW,
            f"update {self.table(part)} set {sets} "
            f"where {ident(self.key(part))} = {self.nth(part, place)}",
            part,
            tuple(values),
        )

    def insert(self, part: str, values: Values, extra: dict[str, str], suffix: str = "") -> Op:
        """A row; `extra` are columns whose values are SQL."""
        names = [ident(name) for name in (*extra, *values)]
        found = [*extra.values(), *(literal(value) for value in values.values())]
        return Op(
            OLD if part == "flat" else NEW,
            f"insert into {self.table(part)} ({', '.join(names)}) "
            f"values ({', '.join(found)}){suffix}",
            part,
            kind="insert",
        )

    @cached_property
    def places(self) -> st.SearchStrategy[int]:
        return st.integers(0, 5)

    @cached_property
    def flat_insert(self) -> st.SearchStrategy[Op]:
        """A flat row, its key given only where it has no default."""
        key = self.mapping.flat.key
        required = self.mapping.levels[0].key_pairs[0].flat

        def build(values: Values, number: int) -> Op:
            extra = {key: literal(f"k{number}")} if self.mapping.flat.new_key else {}
            return self.insert("flat", {required: "A", **values}, extra)

        return st.builds(build, self.values("flat"), st.integers(0, 30))

    @cached_property
    def flat_upsert(self) -> st.SearchStrategy[Op]:
        """INSERT ... ON CONFLICT DO UPDATE or DO NOTHING on a key that may be there."""
        key = ident(self.mapping.flat.key)
        required = self.mapping.levels[0].key_pairs[0].flat
        text_key = self.mapping.flat.new_key is not None

        def build(values: Values, number: int, nothing: bool) -> Op:
            sets = ", ".join(f"{ident(name)} = excluded.{ident(name)}" for name in values)
            action = "nothing" if nothing else f"update set {sets}"
            extra = {
                self.mapping.flat.key: literal(f"k{number}") if text_key else str(1000 + number)
            }
            return self.insert(
                "flat", {required: "A", **values}, extra, f" on conflict ({key}) do {action}"
            )

        return st.builds(build, self.values("flat"), st.integers(0, 3), st.booleans())

    @cached_property
    def flat_update(self) -> st.SearchStrategy[Op]:
        """Columns of one flat row."""
        return st.builds(self.update, st.just("flat"), self.places, self.values("flat"))

    @cached_property
    def flat_bulk(self) -> st.SearchStrategy[Op]:
        """A column of all flat rows at once."""

        def build(values: Values) -> Op:
            sets = ", ".join(f"{ident(name)} = {literal(value)}" for name, value in values.items())
            return Op(OLD, f"update {self.table('flat')} set {sets}", "flat", tuple(values), "bulk")

        return st.builds(build, self.values("flat").filter(lambda values: len(values) < 3))

    def delete(self, part: str) -> st.SearchStrategy[Op]:
        """One row."""
        return st.builds(
            lambda place: Op(
                OLD if part == "flat" else NEW,
                f"delete from {self.table(part)} "
                f"where {ident(self.key(part))} = {self.nth(part, place)}",
                part,
                kind="delete",
            ),
            self.places,
        )

    @cached_property
    def hierarchy_updates(self) -> list[st.SearchStrategy[Op]]:
        """Columns of one row of each table; moves below another parent."""
        found: list[st.SearchStrategy[Op]] = []
        parts: tuple[Level | Satellite, ...] = (*self.mapping.chain, *self.mapping.satellites)
        for part in parts:
            found.append(
                st.builds(self.update, st.just(part.name), self.places, self.values(part.name))
            )
        return found

    @cached_property
    def moves(self) -> list[st.SearchStrategy[Op]]:
        """A row below another parent."""
        found: list[st.SearchStrategy[Op]] = []
        for above, level in zip(self.mapping.levels, self.mapping.chain[1:], strict=True):
            found.append(
                st.builds(
                    lambda place, other, level=level, above=above: Op(
                        NEW,
                        f"update {self.table(level.name)} set {ident(level.parent)} = "
                        f"{self.nth(above.name, other)} "
                        f"where {ident(level.id)} = {self.nth(level.name, place)}",
                        level.name,
                        (level.parent,),
                        "move",
                    ),
                    self.places,
                    self.places,
                )
            )
        return found

    @cached_property
    def hierarchy_inserts(self) -> list[st.SearchStrategy[Op]]:
        """A row of each table, below a parent that is there; dated rows at several times."""
        found = []
        for position, level in enumerate(self.mapping.chain):
            above = self.mapping.chain[position - 1]
            required = {name: self.pools[f"{level.name}.{name}"][0] for name in level.key}

            def build(
                values: Values,
                other: int,
                level: Level = level,
                above: Level = above,
                required: Values = required,
            ) -> Op:
                extra = {level.parent: self.nth(above.name, other)} if level.parent else {}
                return self.insert(level.name, {**required, **values}, extra)

            found.append(st.builds(build, self.values(level.name), self.places))
        for satellite in self.mapping.satellites:

            def build_dated(
                values: Values, other: int, when: str, satellite: Satellite = satellite
            ) -> Op:
                extra = {satellite.parent: self.nth(self.mapping.leaf.name, other)}
                if when:
                    extra[satellite.effective] = f"clock_timestamp() {when}"
                return self.insert(satellite.name, {**dict(satellite.where), **values}, extra)

            found.append(
                st.builds(
                    build_dated,
                    self.values(satellite.name),
                    self.places,
                    st.sampled_from(["", "", "- interval '1 hour'", "+ interval '1 hour'"]),
                )
            )
        return found

    @cached_property
    def flat_ops(self) -> st.SearchStrategy[Op]:
        """Any flat write."""
        return st.one_of(
            self.flat_update,
            self.flat_insert,
            self.flat_upsert,
            self.flat_bulk,
            self.delete("flat"),
        )

    @cached_property
    def hierarchy_ops(self) -> st.SearchStrategy[Op]:
        """Any hierarchy write."""
        return st.one_of(
            *self.hierarchy_updates,
            *self.moves,
            *self.hierarchy_inserts,
            self.delete(self.mapping.leaf.name),
            *(self.delete(satellite.name) for satellite in self.mapping.satellites),
        )

    def hot_ops(self, role: str) -> st.SearchStrategy[Op]:
        """Writes of keys, parents and the first rows only: what two sessions can quarrel about."""
        place = st.integers(0, 1)
        keys = [pair for level in self.mapping.levels for pair in level.key_pairs]
        if role == OLD:
            values = st.fixed_dictionaries(
                {},
                optional={p.flat: st.sampled_from(self.pools[f"flat.{p.flat}"][:2]) for p in keys},
            ).filter(bool)
            return st.one_of(
                st.builds(self.update, st.just("flat"), place, values), self.flat_insert
            )
        renames = [
            st.builds(
                self.update,
                st.just(level.name),
                place,
                st.fixed_dictionaries(
                    {
                        name: st.sampled_from(self.pools[f"{level.name}.{name}"])
                        for name in level.key
                    }
                ),
            )
            for level in self.mapping.levels
        ]
        return st.one_of(*renames, *self.moves, self.hierarchy_inserts[len(self.mapping.levels)])

    @cached_property
    def any_op(self) -> st.SearchStrategy[Op]:
        """Any write of either side."""
        return st.one_of(self.flat_ops, self.hierarchy_ops)

    def start(self, rows: int = 4) -> st.SearchStrategy[list[Op]]:
        """Some flat rows to begin with."""
        return st.lists(self.flat_insert, min_size=2, max_size=rows)
