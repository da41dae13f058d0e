"""TH09 what is public is explained in the database itself."""

from collections.abc import Iterator

from pgtandem.lint.finding import Finding
from pgtandem.lint.pgparser import Node, pb
from pgtandem.lint.project import Project
from pgtandem.lint.source import Source

_Made = tuple[str, str, int]


def comment_present(source: Source, _project: Project) -> Iterator[Finding]:
    """TH09: a public object (no leading ``_``) has its COMMENT ON in the file that creates it."""
    commented = {_commented(s.stmt) for s in source.statements}
    for kind, name, line in _made(source):
        if name.split(".")[-1].startswith("_") or (kind, name) in commented:
            continue
        message = f"{kind} {name} has no COMMENT ON in this file"
        cure = f"add `comment on {kind} {name} ...`: what it does, who may use it, an example"
        yield Finding(source.path, line, "TH09", message, cure)


def _made(source: Source) -> Iterator[_Made]:
    for routine in source.routines:
        if routine.kind != "do":
            yield routine.kind, routine.qualified, routine.line
    for statement in source.statements:
        node = statement.stmt
        if node.HasField("create_schema_stmt"):
            line = source.line_at(_first_code(source, statement))
            yield "schema", node.create_schema_stmt.schemaname, line
        for relation, kind in (
            (node.create_stmt.relation, "table"),
            (node.view_stmt.view, "view"),
            (node.composite_type_stmt.typevar, "type"),
            (node.create_seq_stmt.sequence, "sequence"),
        ):
            if relation.relname and relation.relpersistence != "t":
                yield kind, _relation(relation), source.line_at(relation.location)
        if node.HasField("create_table_as_stmt"):
            made = node.create_table_as_stmt
            kind = "materialized view" if made.objtype == pb.OBJECT_MATVIEW else "table"
            yield kind, _relation(made.into.rel), source.line_at(made.into.rel.location)
        for parts, kind in (
            (node.create_domain_stmt.domainname, "domain"),
            (node.create_enum_stmt.type_name, "type"),
        ):
            if parts:
                name = ".".join(part.string.sval for part in parts)
                yield kind, name, source.line_at(_first_code(source, statement))


def _first_code(source: Source, statement: Node) -> int:
    """Offset of a statement's first line that is neither empty nor a comment."""
    raw = source.text.encode()
    at = statement.stmt_location
    for row in raw[at:].split(b"\n"):
        if row.strip() and not row.strip().startswith(b"--"):
            return int(at)
        at += len(row) + 1
    return int(statement.stmt_location)


def _relation(relation: Node) -> str:
    return f"{relation.schemaname}.{relation.relname}"


_KINDS = {
    pb.OBJECT_FUNCTION: "function",
    pb.OBJECT_PROCEDURE: "procedure",
    pb.OBJECT_TABLE: "table",
    pb.OBJECT_VIEW: "view",
    pb.OBJECT_MATVIEW: "materialized view",
    pb.OBJECT_TYPE: "type",
    pb.OBJECT_DOMAIN: "domain",
    pb.OBJECT_SEQUENCE: "sequence",
    pb.OBJECT_SCHEMA: "schema",
}


def _commented(node: Node) -> tuple[str, str] | None:
    comment = node.comment_stmt
    if not comment.comment or comment.objtype not in _KINDS:
        return None
    named = comment.object
    if named.HasField("object_with_args"):
        parts = [part.string.sval for part in named.object_with_args.objname]
    elif named.HasField("list"):
        parts = [part.string.sval for part in named.list.items]
    elif named.HasField("type_name"):
        parts = [part.string.sval for part in named.type_name.names]
    else:
        parts = [named.string.sval]
    return _KINDS[comment.objtype], ".".join(parts)
