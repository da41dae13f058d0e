"""TH01 relations and TH02 functions and other objects carry their schema."""

from collections.abc import Callable, Iterator

from pgtandem.lint.finding import Finding
from pgtandem.lint.pgparser import Message, Node, pb, unwrap_node
from pgtandem.lint.project import Project
from pgtandem.lint.source import Source

_LineAt = Callable[[int], int]
_WITH_SCHEMA = {
    pb.OBJECT_TABLE: 2,
    pb.OBJECT_VIEW: 2,
    pb.OBJECT_MATVIEW: 2,
    pb.OBJECT_INDEX: 2,
    pb.OBJECT_SEQUENCE: 2,
    pb.OBJECT_COLUMN: 3,
    pb.OBJECT_TRIGGER: 3,
    pb.OBJECT_POLICY: 3,
    pb.OBJECT_TABCONSTRAINT: 3,
}
_REG_TYPES = {"regclass", "regproc", "regprocedure"}


def relations_qualified(source: Source, project: Project) -> Iterator[Finding]:
    """TH01: every relation is ``schema.name``; CTEs and transition tables excepted."""
    known: set[str] = set()
    for routine in source.routines:
        known |= project.transition_tables.get(routine.qualified, set())
    for tree, line_at in source.sql():
        for relation, line in _relations(tree, known, line_at):
            yield Finding(
                source.path,
                line,
                "TH01",
                f"relation {relation} has no schema",
                f"write schema.{relation}, or pg_temp.{relation} for a temporary table",
            )


def _children(node: Node) -> Iterator[tuple[str, Node]]:
    for descriptor, value in node.ListFields():
        if descriptor.message_type is None:
            continue
        for item in [value] if isinstance(value, Message) else value:
            yield descriptor.name, unwrap_node(item)


def _relations(node: Node, known: set[str], line_at: _LineAt) -> Iterator[tuple[str, int]]:
    clause = getattr(node, "with_clause", None)
    if isinstance(clause, pb.WithClause) and clause.ctes:
        known = known | {cte.common_table_expr.ctename for cte in clause.ctes}
    for name, child in _children(node):
        if name == "locked_rels":  # FOR UPDATE OF names an alias
            continue
        if isinstance(child, pb.RangeVar):
            is_type = isinstance(node, pb.CompositeTypeStmt)
            if not child.schemaname and child.relname not in known and not is_type:
                yield child.relname, line_at(child.location)
        else:
            yield from _relations(child, known, line_at)


def functions_qualified(source: Source, _project: Project) -> Iterator[Finding]:
    """TH02: every function called and every object named in DDL is ``schema.name``.

    Syntax that looks like a call (coalesce, extract, cast ...) is none in the parse tree.
    """
    for tree, line_at in source.sql():
        first = next(_locations(tree), 0)
        for what, location in _unqualified(tree):
            line = line_at(location if location >= 0 else first)
            yield Finding(
                source.path,
                line,
                "TH02",
                f"{what} has no schema",
                "write schema.name (pg_catalog too)",
            )


def _locations(node: Node) -> Iterator[int]:
    location = getattr(node, "location", None)
    if isinstance(location, int) and location > 0:
        yield location
    for _, child in _children(node):
        yield from _locations(child)


def _unqualified(node: Node) -> Iterator[tuple[str, int]]:
    found = _name_of(node)
    if found is not None:
        yield found
    for _, child in _children(node):
        yield from _unqualified(child)


def _name_of(node: Node) -> tuple[str, int] | None:
    """What `node` names without a schema, and where."""
    if isinstance(node, pb.FuncCall) and len(node.funcname) == 1:
        return f"function {node.funcname[0].string.sval}()", node.location
    if isinstance(node, pb.ObjectWithArgs) and len(node.objname) == 1:
        return f"{node.objname[0].string.sval}()", -1
    if isinstance(node, pb.CreateFunctionStmt) and len(node.funcname) == 1:
        return f"the routine {node.funcname[0].string.sval}()", -1
    if isinstance(node, pb.CreateTrigStmt) and len(node.funcname) == 1:
        return f"function {node.funcname[0].string.sval}()", node.relation.location
    if isinstance(node, pb.CompositeTypeStmt) and not node.typevar.schemaname:
        return f"type {node.typevar.relname}", node.typevar.location
    if isinstance(node, pb.CommentStmt):
        return _short_list(node.objtype, node.object)
    if isinstance(node, pb.DropStmt):
        short = [_short_list(node.remove_type, item) for item in node.objects]
        return next((item for item in short if item), None)
    if isinstance(node, pb.TypeCast):
        return _reg_literal(node)
    return None


def _short_list(kind: int, node: Node) -> tuple[str, int] | None:
    parts = [item.string.sval for item in node.list.items]
    if parts and len(parts) < _WITH_SCHEMA.get(kind, 0):
        return ".".join(parts), -1
    return None


def _reg_literal(node: Node) -> tuple[str, int] | None:
    names = node.type_name.names
    text = node.arg.a_const.sval.sval
    if names and names[-1].string.sval in _REG_TYPES and text and "." not in text:
        return f"the name '{text}' in a cast to {names[-1].string.sval}", node.arg.a_const.location
    return None
