"""The mapping of a flat table to its hierarchy: a TOML file, checked, as frozen dataclasses."""

from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

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
from pgtandem.sqltext import STRING_TYPES, split_type

MISSING_POLICIES = ("reject", "default")
REJECT_POLICIES = ("keep", "raise")
# Variables of the routines that say ON CONFLICT (id), where a column cannot be qualified.
_VARIABLES = frozenset(
    "found new old p_careful p_depth p_keep p_key p_run r_flat r_kept r_leaf r_place v_call v_fault"
    " v_kept v_leaf v_origin v_started v_was v_written".split()
)
OPERATIONS = ("add_parent", "add_leaf", "update_leaf", "update_leaf_status", "add_satellite")


@dataclass(frozen=True)
class Pair:
    """A column of the flat table and the hierarchy's column that holds the same fact."""

    flat: str
    hier: str
    flat_type: str
    hier_type: str
    missing: str | None = None
    default: str | None = None
    is_key: bool = False


@dataclass(frozen=True)
class Level:
    """A table of the hierarchy. ``sync`` is the flat table's column that holds its id (uuid)."""

    name: str
    table: str
    id: str
    sync: str
    pairs: tuple[Pair, ...]
    types: tuple[tuple[str, str], ...]
    key: tuple[str, ...] = ()
    parent: str | None = None
    match: tuple[str, ...] = ()
    actor: str | None = None

    @property
    def key_pairs(self) -> tuple[Pair, ...]:
        """The pairs of the natural key, in the key's order."""
        by_name = {pair.hier: pair for pair in self.pairs}
        return tuple(by_name[column] for column in self.key)

    @property
    def plain_pairs(self) -> tuple[Pair, ...]:
        """The mapped columns outside the natural key."""
        return tuple(pair for pair in self.pairs if pair.hier not in self.key)

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Columns that the flat table knows nothing of."""
        mapped = {pair.hier for pair in self.pairs}
        return tuple(column for column, _ in self.types if column not in mapped)

    @property
    def key_params(self) -> tuple[tuple[Pair, str], ...]:
        """The key's pairs with the parameter name that stands for each: p_base, or p_base_2."""
        pairs = self.key_pairs
        if len(pairs) == 1:
            return ((pairs[0], f"p_{self.name}"),)
        return tuple((pair, f"p_{self.name}_{i}") for i, pair in enumerate(pairs, 1))


@dataclass(frozen=True)
class Satellite:
    """Dated rows of a leaf, such as prices; the one in force is what the flat row shows."""

    name: str
    table: str
    id: str
    parent: str
    lead: str
    effective: str
    pairs: tuple[Pair, ...]
    types: tuple[tuple[str, str], ...]
    where: tuple[tuple[str, str], ...] = ()

    @property
    def lead_pair(self) -> Pair:
        """The pair whose NULL means: nothing to say."""
        return next(pair for pair in self.pairs if pair.hier == self.lead)

    @property
    def other_pairs(self) -> tuple[Pair, ...]:
        """The mapped columns beside the lead."""
        return tuple(pair for pair in self.pairs if pair.hier != self.lead)


@dataclass(frozen=True)
class Flat:
    """The flat table: its key, and the columns that tandem adds to it."""

    table: str
    key: str
    key_type: str
    status: str
    new_key: str | None = None
    touch: str | None = None
    types: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Mapping:
    """A whole mapping. ``levels`` run from the top down and do not include the leaf."""

    name: str
    schema: str
    flat: Flat
    levels: tuple[Level, ...]
    leaf: Level
    satellites: tuple[Satellite, ...] = ()
    reject: str = "keep"
    skip_echo: bool = True
    operations: tuple[tuple[str, str], ...] = ()
    status_column: str = "status"
    search_path: tuple[str, ...] = ()
    source: str = field(default="", compare=False)

    @property
    def tandem(self) -> str:
        """The schema of the rendered code."""
        return f"tandem_{self.name}"

    @cached_property
    def chain(self) -> tuple[Level, ...]:
        """All levels, top down, the leaf last."""
        return (*self.levels, self.leaf)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """All mapped columns: levels, leaf, satellites."""
        of_satellites = (pair for satellite in self.satellites for pair in satellite.pairs)
        return (*(pair for level in self.chain for pair in level.pairs), *of_satellites)

    @property
    def has_float_key(self) -> bool:
        """Whether a natural key holds a float, whose text each session may round."""
        floats = {"real", "float4", "float8", "double precision"}
        return any(pair.hier_type in floats for level in self.levels for pair in level.key_pairs)

    @property
    def hierarchy_tables(self) -> tuple[str, ...]:
        """All tables but the flat one."""
        return (*(level.table for level in self.chain), *(one.table for one in self.satellites))

    @property
    def bottom(self) -> Level:
        """The level right above the leaf."""
        return self.levels[-1]

    def operation(self, name: str) -> str | None:
        """The name of an upsert function, or None where the mapping wants none."""
        return dict(self.operations).get(name)


def load_mapping(path: Path) -> Mapping:
    """Read and check a mapping file.

    Raises:
        MappingError: the file is absent, is not TOML, or says something that cannot work.
    """
    return parse_mapping(read_source(path), str(path))


def parse_mapping(source: str, where: str = "mapping") -> Mapping:
    """Check a mapping's text. Raises MappingError."""
    root = read_root(source, where)
    if root.text("area", "sync", AREAS) != "sync":
        raise MappingError(f"{where}: a mapping of the area imports cannot be used here")
    name = mapping_name(root)
    schema = root.name("schema", "public")
    flat, flat_types = _flat(root.table("flat", True))
    levels = tuple(
        _level(Section(f"{where}: level {number}", item), flat_types, leaf=False)
        for number, item in enumerate(tables(root, "level", required=True), 1)
    )
    leaf = _level(root.table("leaf", True), flat_types, leaf=True)
    satellites = tuple(
        _satellite(Section(f"{where}: satellite {number}", item), flat_types)
        for number, item in enumerate(tables(root, "satellite", required=False), 1)
    )
    policy = root.table("policy", False)
    reject = policy.text("reject", "keep", REJECT_POLICIES)
    skip_echo = policy.flag("skip_echo", True)
    search_path = policy.names("search_path", False)
    policy.finish()
    operations = root.table("operations", False)
    wanted = tuple(
        (key, value) for key in OPERATIONS if (value := operations.optional_name(key)) is not None
    )
    status_column = operations.name("status_column", "status")
    if "update_leaf_status" in dict(wanted) and status_column not in dict(leaf.types):
        raise MappingError(
            f"{operations.where}: update_leaf_status needs status_column, a column of the leaf"
        )
    operations.finish()
    root.finish()
    mapping = Mapping(
        name,
        schema,
        flat,
        levels,
        leaf,
        satellites,
        reject,
        skip_echo,
        wanted,
        status_column,
        search_path,
        source,
    )
    _check_whole(mapping, where)
    return mapping


def _flat(section: Section) -> tuple[Flat, dict[str, str]]:
    types = types_of(section)
    key = section.name("key")
    if key not in types:
        raise MappingError(f"{section.where}: types has no entry for the key {key!r}")
    flat = Flat(
        table=section.name("table"),
        key=key,
        key_type=_key_type(section, key, types[key]),
        status=section.name("status", "syncstatus"),
        new_key=section.optional_name("new_key"),
        touch=section.optional_name("touch"),
        types=tuple(types.items()),
    )
    section.finish()
    return flat, types


def _pairs(
    section: Section,
    flat_types: MappingType[str, str],
    types: MappingType[str, str],
    key: tuple[str, ...],
) -> tuple[Pair, ...]:
    missing = section.take("missing", dict, False) or {}
    columns = section.words("columns", True)
    unknown = sorted(set(missing) - set(columns))
    if unknown:
        raise MappingError(f"{section.where}: missing.{unknown[0]} is no mapped flat column")
    pairs = []
    for flat, hier in columns.items():
        if flat not in flat_types:
            raise MappingError(f"{section.where}: [flat.types] has no entry for {flat!r}")
        if hier not in types:
            raise MappingError(f"{section.where}: types has no entry for {hier!r}")
        policy, default = None, None
        if flat in missing:
            rule = Section(f"{section.where}: missing.{flat}", missing[flat])
            policy = rule.text("policy", "", MISSING_POLICIES)
            default = rule.take("value", str, policy == "default")
            if policy == "reject" and default is not None:
                raise MappingError(f"{rule.where}: policy reject takes no value")
            rule.finish()
        elif hier in key:
            raise MappingError(
                f"{section.where}: {flat!r} is part of a key; say in missing.{flat} what happens "
                'to a row without it: { policy = "reject" } or { policy = "default", value = …}'
            )
        if policy == "default" and split_type(flat_types[flat])[0] not in STRING_TYPES:
            raise MappingError(f"{section.where}: missing.{flat}: a default needs a text column")
        pairs.append(Pair(flat, hier, flat_types[flat], types[hier], policy, default, hier in key))
    return tuple(pairs)


def _level(section: Section, flat_types: MappingType[str, str], leaf: bool) -> Level:
    types = types_of(section)
    key = () if leaf else section.names("key", True)
    pairs = _pairs(section, flat_types, types, key)
    unmapped_key = sorted(set(key) - {pair.hier for pair in pairs})
    if unmapped_key or (not leaf and not key):
        raise MappingError(
            f"{section.where}: key must list columns that are mapped; {unmapped_key or key} is not"
        )
    identifier = section.name("id")
    if leaf and identifier in _VARIABLES:
        raise MappingError(
            f"{section.where}: id {identifier!r} is the name of a variable of the rendered code, "
            "which cannot tell the two apart. Rename the column"
        )
    level = Level(
        name=section.word("name"),
        table=section.name("table"),
        id=identifier,
        sync=section.name("sync", identifier),
        pairs=pairs,
        types=tuple(types.items()),
        key=key,
        parent=section.optional_name("parent"),
        match=section.names("match", False) if leaf else (),
        actor=section.optional_name("actor"),
    )
    unmatched = sorted(set(level.match) - {pair.hier for pair in pairs})
    if unmatched:
        raise MappingError(f"{section.where}: match names {unmatched[0]!r}, which is not mapped")
    if not leaf and level.plain_pairs:
        raise MappingError(
            f"{section.where}: {level.plain_pairs[0].flat!r} is not part of the level's key. Rows "
            "that share this level would have to share its value: add it to key, or map it to a "
            "column of the leaf"
        )
    section.finish()
    return level


def _satellite(section: Section, flat_types: MappingType[str, str]) -> Satellite:
    types = types_of(section)
    satellite = Satellite(
        name=section.word("name"),
        table=section.name("table"),
        id=section.name("id"),
        parent=section.name("parent"),
        lead=section.name("lead"),
        effective=section.name("effective"),
        pairs=_pairs(section, flat_types, types, ()),
        types=tuple(types.items()),
        where=tuple(section.words("where", False).items()),
    )
    if satellite.lead not in {pair.hier for pair in satellite.pairs}:
        raise MappingError(f"{section.where}: lead {satellite.lead!r} is not a mapped column")
    section.finish()
    return satellite


SESSION_DEPENDENT = frozenset(
    {
        "date",
        "interval",
        "money",
        "real",
        "float4",
        "float8",
        "double precision",
        "time",
        "timetz",
        "time without time zone",
        "time with time zone",
        "timestamp",
        "timestamptz",
        "timestamp without time zone",
        "timestamp with time zone",
    }
)
"""Types whose text depends on settings of the session; a key is kept and resumed from as text."""


def _key_type(section: Section, key: str, type_name: str) -> str:
    if split_type(type_name)[0] in SESSION_DEPENDENT:
        raise MappingError(
            f"{section.where}: the key {key!r} is {type_name}, which each session may write "
            "differently; a key may be a number, a text or a uuid"
        )
    if split_type(type_name) in (("numeric", ()), ("citext", ())):
        raise MappingError(
            f"{section.where}: the key {key!r} is {type_name}, of which equal values may be "
            "written differently (1.0 and 1.00); give it a fixed scale, as in numeric(12,0), or "
            "make it a number, a text or a uuid"
        )
    return type_name


def _check_whole(mapping: Mapping, where: str) -> None:
    parents = [level.parent for level in mapping.chain]
    if parents[0] is not None or None in parents[1:]:
        raise MappingError(f"{where}: the first level has no parent, each other level needs one")
    for label, names in (
        (
            "name",
            [
                *(level.name for level in mapping.chain),
                *(satellite.name for satellite in mapping.satellites),
            ],
        ),
        (
            "table",
            [
                mapping.flat.table,
                *(level.table for level in mapping.chain),
                *(satellite.table for satellite in mapping.satellites),
            ],
        ),
        ("mapped flat column", [pair.flat for pair in mapping.pairs]),
        ("sync column", [mapping.flat.status, *(level.sync for level in mapping.chain)]),
        ("upsert function", [name for _, name in mapping.operations]),
    ):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise MappingError(f"{where}: {label} {min(twice)!r} is used twice")
    clash = {level.sync for level in mapping.chain} & set(dict(mapping.flat.types))
    if clash:
        raise MappingError(f"{where}: {min(clash)!r} is both a sync column and an old column")
    triggers = {"assign", "guard", "inside", "log"}
    clash = {name for _, name in mapping.operations if name in triggers or name.startswith("_")}
    if clash:
        raise MappingError(f"{where}: {min(clash)!r} is a function of our own; name it otherwise")
