"""A file of SQL as the rules see it: statements, routines with their bodies, marker comments."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pgtandem.lint.finding import Finding
from pgtandem.lint.pgparser import Node, PgQueryError, code_tokens, parse, pb, walk
from pgtandem.lint.plpgsql import Body, Sql, parse_body

_MARKER = re.compile(r"--\s*lint:\s*(?P<name>[a-z_]+)(?::\s*(?P<reason>\S.*?))?\s*$")
_DDL = re.compile(r"\s*(create|alter|comment|drop)\s", re.IGNORECASE)
_PATH = ["pg_catalog", "pg_temp"]


@dataclass(frozen=True)
class Marker:
    """A comment ``-- lint: <name>`` or ``-- lint: <name>: <reason>`` that excuses something."""

    name: str
    reason: str
    line: int


@dataclass(frozen=True)
class Routine:
    """A function, a procedure or (`kind` do) the block of a DO statement.

    `tag` is None where the body is not dollar-quoted; `body` is None for other languages than
    PL/pgSQL, `sql` holds the statements of a SQL body. `in_block`: a DO block creates it. Lines are
    lines of the file.
    """

    kind: str
    name: str
    schema: str
    language: str
    line: int
    tag: str | None
    text: str
    text_line: int
    node: Node
    body: Body | None
    sql: tuple[Sql, ...]
    in_block: bool

    @property
    def qualified(self) -> str:
        """``schema.name``."""
        return f"{self.schema}.{self.name}"

    @property
    def is_trigger(self) -> bool:
        """A trigger function."""
        names = self.node.return_type.names
        return bool(names) and names[-1].string.sval == "trigger"

    @property
    def is_definer(self) -> bool:
        """SECURITY DEFINER is among its options."""
        return any(
            o.def_elem.defname == "security" and o.def_elem.arg.boolean.boolval
            for o in self.node.options
        )

    @property
    def settings(self) -> list[Node]:
        """The SET clauses among its options."""
        return [
            o.def_elem.arg.variable_set_stmt
            for o in self.node.options
            if o.def_elem.defname == "set"
        ]

    @property
    def is_pinned(self) -> bool:
        """It has exactly ``set search_path = pg_catalog, pg_temp``."""
        return any(is_pinning(setting) for setting in self.settings)


def _ddl_in_constants(unit: Sql) -> Iterator[tuple[Node, Callable[[int], int]]]:
    """DDL that stands in a string constant, to be run or shown later; format strings are left."""
    for _, node in walk(unit.tree):
        if isinstance(node, pb.A_Const) and _DDL.match(node.sval.sval):
            text = node.sval.sval
            try:
                inner = Sql(text, unit.line_at(node.location), parse(text), 0)
            except PgQueryError:
                continue
            yield inner.tree, inner.line_at


def is_pinning(setting: Node) -> bool:
    """Whether a SET names search_path and gives exactly ``pg_catalog, pg_temp``."""
    values = [arg.a_const.sval.sval for arg in setting.args]
    return setting.name == "search_path" and values == _PATH


@dataclass
class Source:
    """One file; `path` is the name in findings, `db_path` its place under ``db/``."""

    path: str
    db_path: str
    text: str
    rendered: bool = False
    statements: list[Node] = field(default_factory=list)
    routines: list[Routine] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)
    used_markers: set[Marker] = field(default_factory=set)
    _starts: list[int] = field(default_factory=list)

    def line_at(self, location: int) -> int:
        """The line of a byte offset."""
        return bisect_right(self._starts, location)

    def marker(self, name: str, *lines: int) -> Marker | None:
        """The marker `name` on one of `lines`; it is then counted as used."""
        for marker in self.markers:
            if marker.name == name and marker.line in lines:
                self.used_markers.add(marker)
                return marker
        return None

    def sql(self) -> Iterator[tuple[Node, Callable[[int], int]]]:
        """All parse trees of the file with the function that gives the line of a location."""
        for statement in self.statements:
            yield statement.stmt, self.line_at
        for routine in self.routines:
            units = routine.body.sql() if routine.body else iter(routine.sql)
            for unit in units:
                yield unit.tree, unit.line_at
                yield from _ddl_in_constants(unit)


def read_source(path: str, db_path: str, text: str, *, rendered: bool = False) -> Source:
    """Parse a file; what PostgreSQL's grammar refuses becomes a finding in `faults`."""
    source = Source(path, db_path, text, rendered)
    raw = text.encode()
    source._starts = [0] + [i + 1 for i, byte in enumerate(raw) if byte == 0x0A]
    try:
        code = code_tokens(text)
        source.statements = list(parse(text).stmts)
    except PgQueryError as error:
        line = source.line_at(max(error.cursorpos - 1, 0))
        source.faults.append(_fault(path, line, error.message))
        return source
    for number, row in enumerate(text.split("\n"), start=1):
        match = _MARKER.search(row)
        if match:
            source.markers.append(Marker(match["name"], match["reason"] or "", number))
    for statement in source.statements:
        node = statement.stmt.WhichOneof("node")
        if node in ("create_function_stmt", "do_stmt"):
            first = next(t for t in code if t.start >= statement.stmt_location)
            place = _Text(raw, code, source.line_at, False)
            _read_routine(source, statement.stmt, place, first.start)
    return source


def _fault(path: str, line: int, message: str) -> Finding:
    cure = "make it valid PostgreSQL; nothing else of this part was checked"
    return Finding(path, line, "TH00", f"PostgreSQL's parser refuses this: {message}", cure)


@dataclass(frozen=True)
class _Text:
    """Text that holds a CREATE: a file, or a statement of a DO block."""

    raw: bytes
    tokens: list[Node]
    line_at: Callable[[int], int]
    in_block: bool


def _constant(place: _Text, located: int) -> tuple[str | None, str, int]:
    """Dollar tag (None for plain quotes), text and first line of the string constant of an AS."""
    constant = next(t for t in place.tokens if t.start >= located and t.token == pb.SCONST)
    literal = place.raw[constant.start : constant.end].decode()
    line = place.line_at(constant.start)
    if literal.startswith("$"):
        tag = literal[1 : literal.index("$", 1)]
        return tag, literal[len(tag) + 2 : -len(tag) - 2], line
    return None, literal[1:-1].replace("''", "'"), line


def _read_routine(source: Source, node: Node, place: _Text, start: int) -> None:
    if node.HasField("do_stmt"):
        create = pb.CreateFunctionStmt(is_procedure=True)
        options, kind, names = list(node.do_stmt.args), "do", ["", ""]
    else:
        create = node.create_function_stmt
        options = list(create.options)
        kind = "procedure" if create.is_procedure else "function"
        names = [part.string.sval for part in create.funcname]
    language = "plpgsql" if kind == "do" else "sql"
    located = -1
    for option in options:
        if option.def_elem.defname == "language":
            language = option.def_elem.arg.string.sval
        elif option.def_elem.defname == "as":
            located = option.def_elem.location
    line = place.line_at(start)
    tag, text, text_line = _constant(place, located) if located >= 0 else (None, "", line)
    body: Body | None = None
    sql: tuple[Sql, ...] = ()
    try:
        if language == "plpgsql":
            body = parse_body(create, text, text_line)
        elif language == "sql" and text:
            sql = (Sql(text, text_line, parse(text), 0),)
    except PgQueryError as error:
        name = ".".join(names) if kind != "do" else "the DO block"
        message = f"{error.message} (in the body of {name})"
        offset = text.encode()[: max(error.cursorpos - 1, 0)].count(b"\n")
        source.faults.append(_fault(source.path, text_line + offset, message))
    schema = names[-2] if len(names) > 1 else ""
    source.routines.append(
        Routine(
            kind,
            names[-1],
            schema,
            language,
            line,
            tag,
            text,
            text_line,
            create,
            body,
            sql,
            place.in_block,
        )
    )
    for unit in body.sql() if kind == "do" and body else ():
        inner = unit.tree.stmts[0].stmt if unit.tree.stmts else pb.Node()
        if inner.HasField("create_function_stmt"):
            within = _Text(unit.text.encode(), code_tokens(unit.text), unit.line_at, True)
            _read_routine(source, inner, within, 0)
