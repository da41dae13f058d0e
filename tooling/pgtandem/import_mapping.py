"""The mapping of an import: fields of the input, the masters that they name, and the variant.

A row of the input names a row of each master by a key (an item, a colour, a size) and is one row of
the variant, which refers to them. Tables stand in the order in which an import locks them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from pgtandem.mapping_section import (
    AREAS,
    MappingError,
    Section,
    mapping_name,
    read_root,
    read_source,
    tables,
    types_of,
)
from pgtandem.sqltext import object_name, split_type

ID_TYPES = ("bigint", "uuid")
MATCHES = ("exact", "normalised")
# What the rendered batch calls the records of the input, and a table that it looks into.
_OWN_NAMES = frozenset("p t".split())
# Its variables, which ON CONFLICT cannot tell from a column.
_VARIABLES = re.compile(
    "p_(import|run|from|to)|r_(job|counts)|v_(places|clears|has_variants|differs|skipped|rows|new"
    "|ids|named|inserted|updated|suppressed|(lacks|lost|differs|overruled)_.*)"
)
# What a value can be tested for before it is written; see import_render.
FIELD_TYPES = frozenset(
    "text varchar char smallint integer bigint numeric boolean date timestamptz timestamp uuid"
    " jsonb float8 float4".split()
)


@dataclass(frozen=True)
class Field:
    """A field of the input, and the column that it is written to."""

    name: str
    column: str
    type: str
    ordinal: int
    """Its place among all fields of the mapping, from 1."""


@dataclass(frozen=True)
class Table:
    """What masters and the variant have in common."""

    name: str
    table: str
    id: str
    deleted: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Master(Table):
    """A table whose rows the input names by one key."""

    key: str
    match: Literal["exact", "normalised"]
    required: bool
    trim: bool

    @property
    def key_field(self) -> Field:
        """The field that holds the key."""
        return next(one for one in self.fields if one.column == self.key)

    @property
    def plain_fields(self) -> tuple[Field, ...]:
        """The fields beside the key."""
        return tuple(one for one in self.fields if one.column != self.key)


@dataclass(frozen=True)
class Reference:
    """A column of the variant, and the master that it refers to."""

    master: Master
    column: str


@dataclass(frozen=True)
class Variant(Table):
    """The table that a row of the input is a row of, told by the masters that it refers to."""

    references: tuple[Reference, ...]

    @property
    def plain_fields(self) -> tuple[Field, ...]:
        """All its fields: the key is made of what it refers to."""
        return self.fields


@dataclass(frozen=True)
class ImportMapping:
    """A whole mapping of an import."""

    name: str
    schema: str
    masters: tuple[Master, ...]
    variant: Variant | None
    id_type: str = "bigint"
    search_path: tuple[str, ...] = ()
    source: str = field(default="", compare=False)

    @property
    def tandem(self) -> str:
        """The schema of the rendered code."""
        return f"tandem_{self.name}"

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """All tables, in the order in which an import locks them."""
        return (*self.masters, *((self.variant,) if self.variant else ()))

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """All fields of the input, by their ordinal."""
        every = (one for table in self.tables for one in table.fields)
        return tuple(sorted(every, key=lambda one: one.ordinal))

    @property
    def item(self) -> Master:
        """The master that no row may lack; where there is no variant it is the only table."""
        return next(master for master in self.masters if master.required)

    @property
    def optional(self) -> tuple[Master, ...]:
        """The masters that a row may leave out."""
        return tuple(master for master in self.masters if not master.required)

    @property
    def target(self) -> Table:
        """The table of which an input with all fields has a row each."""
        return self.variant or self.item

    @property
    def variant_fields(self) -> tuple[Field, ...]:
        """The fields that make a row of the input one of the variant, not of the item alone."""
        others = (master.key_field for master in self.optional)
        own = self.variant.fields if self.variant else ()
        return tuple(sorted((*others, *own), key=lambda one: one.ordinal))


def load_import_mapping(path: Path) -> ImportMapping:
    """Read and check a mapping file. Raises MappingError."""
    return parse_import_mapping(read_source(path), str(path))


def parse_import_mapping(source: str, where: str = "mapping") -> ImportMapping:
    """Check a mapping's text. Raises MappingError."""
    root = read_root(source, where)
    if root.text("area", "sync", AREAS) != "imports":
        raise MappingError(f'{where}: area is not "imports"')
    name = mapping_name(root)
    schema = root.name("schema", "public")
    numbers = iter(range(1, 1000))
    masters = tuple(
        _master(Section(f"{where}: table {number}", item), numbers)
        for number, item in enumerate(tables(root, "table", required=True), 1)
    )
    variant = None
    if "variant" in root.data:
        variant = _variant(root.table("variant", True), masters, numbers)
    id_type = root.text("id_type", "bigint", ID_TYPES)
    policy = root.table("policy", False)
    search_path = policy.names("search_path", False)
    policy.finish()
    root.finish()
    mapping = ImportMapping(name, schema, masters, variant, id_type, search_path, source)
    _check_whole(mapping, where)
    return mapping


def _fields(section: Section, numbers: Iterator[int], *, required: bool) -> tuple[Field, ...]:
    types = types_of(section)
    found = []
    for name, column in section.words("fields", required).items():
        if column not in types:
            raise MappingError(f"{section.where}: types has no entry for {column!r}")
        base, _ = split_type(types[column])
        if base not in FIELD_TYPES:
            raise MappingError(
                f"{section.where}: types.{column} is {types[column]!r}, which cannot be tested "
                f"before it is written; these can: {', '.join(sorted(FIELD_TYPES))}"
            )
        found.append(Field(name, column, types[column], next(numbers)))
    unused = sorted(set(types) - {one.column for one in found})
    if unused:
        raise MappingError(
            f"{section.where}: types.{unused[0]} is of no field; columns that no field is written "
            "to are not an import's"
        )
    return tuple(found)


def _master(section: Section, numbers: Iterator[int]) -> Master:
    fields = _fields(section, numbers, required=True)
    key = section.name("key")
    if key not in {one.column for one in fields}:
        raise MappingError(f"{section.where}: no field is written to the key {key!r}")
    match = section.text("match", "exact", MATCHES)
    master = Master(
        name=section.word("name"),
        table=section.name("table"),
        id=section.name("id"),
        deleted=section.name("deleted", "deleted_at"),
        fields=fields,
        key=key,
        match="exact" if match == "exact" else "normalised",
        required=section.flag("required", False),
        trim=section.flag("trim", match == "normalised"),
    )
    # a char(n) takes what differs in blanks at its end for the same, an input does not
    if split_type(master.key_field.type)[0] not in ("text", "varchar"):
        raise MappingError(f"{section.where}: the key {key!r} must be a text or a varchar")
    section.finish()
    return master


def _variant(section: Section, masters: tuple[Master, ...], numbers: Iterator[int]) -> Variant:
    by_name = {master.name: master for master in masters}
    references = []
    for name, column in section.words("references", True).items():
        if name not in by_name:
            raise MappingError(f"{section.where}: references.{name} is no [[table]]")
        references.append(Reference(by_name[name], column))
    fields = _fields(section, numbers, required=False) if "types" in section.data else ()
    variant = Variant(
        name=section.word("name"),
        table=section.name("table"),
        id=section.name("id"),
        deleted=section.name("deleted", "deleted_at"),
        fields=fields,
        # the item first, so that an index over all of them serves its foreign key as well
        references=tuple(sorted(references, key=lambda one: not one.master.required)),
    )
    section.finish()
    return variant


def _check_whole(mapping: ImportMapping, where: str) -> None:
    required = [master.name for master in mapping.masters if master.required]
    if len(required) != 1:
        raise MappingError(
            f"{where}: one [[table]] says required = true, the one that each row of the input must "
            f"name; here {', '.join(required) or 'none'} does"
        )
    own = [table.name for table in mapping.tables if table.name in _OWN_NAMES]
    if own:
        raise MappingError(
            f"{where}: a table cannot be called {own[0]!r}, which the rendered code says of its own"
        )
    keys = [name for table in mapping.tables for name in (*key_columns(table), table.deleted)]
    variables = [name for name in keys if _VARIABLES.fullmatch(name)]
    if variables:
        raise MappingError(
            f"{where}: a column of a key cannot be called {variables[0]!r}, which the rendered "
            "code says of its own"
        )
    if mapping.variant is None and len(mapping.masters) > 1:
        raise MappingError(f"{where}: several [[table]] need a [variant] that refers to them")
    if mapping.variant is not None:
        referred = {reference.master.name for reference in mapping.variant.references}
        left = [master.name for master in mapping.masters if master.name not in referred]
        if left:
            raise MappingError(f"{where}: variant.references does not name {left[0]!r}")
    for label, names in (
        ("name", [table.name for table in mapping.tables]),
        ("table", [table.table for table in mapping.tables]),
        ("field", [one.name for one in mapping.fields]),
        *((f"column of {t.table}", _columns(t)) for t in mapping.tables),
        ("index", [name for table in mapping.tables for name in index_names(table)]),
    ):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise MappingError(f"{where}: {label} {min(twice)!r} is used twice")


def _columns(table: Table) -> list[str]:
    columns = [table.id, table.deleted, *(one.column for one in table.fields)]
    if isinstance(table, Variant):
        columns += [reference.column for reference in table.references]
    return columns


def key_columns(table: Table) -> tuple[str, ...]:
    """The columns that tell a row of a table among those that are not deleted."""
    if isinstance(table, Variant):
        return tuple(reference.column for reference in table.references)
    assert isinstance(table, Master)
    return (table.key,)


def index_names(table: Table) -> tuple[str, str]:
    """The unique index over live rows; the one over deleted ones, of a variant over all."""
    columns = key_columns(table)
    return (
        object_name("idx", table.table, *columns, "unique"),
        object_name("idx", table.table, *columns, *(["deleted"] * isinstance(table, Master))),
    )
