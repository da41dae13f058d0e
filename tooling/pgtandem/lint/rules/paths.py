"""TH03 routines run under a pinned search_path; TH04 committing procedures pin it themselves."""

from collections.abc import Iterator, Sequence

from pgtandem.lint.finding import Finding
from pgtandem.lint.pgparser import pb, walk
from pgtandem.lint.plpgsql import Body, Statement
from pgtandem.lint.project import Project, call_of, ends
from pgtandem.lint.source import Routine, Source, is_pinning

_PIN = "set search_path = pg_catalog, pg_temp"
_JUMPS_BACK = {"loop", "while", "fori", "fors", "forc", "dynfors", "foreach_a"}


def path_pinned(source: Source, project: Project) -> Iterator[Finding]:
    """TH03: functions, and procedures that do not commit, have exactly the pinned path.

    ``-- lint: inlinable`` right above a SQL function without SECURITY DEFINER excuses it: a SET
    clause would keep the planner from inlining it.
    """
    for routine in source.routines:
        if routine.kind == "do" or routine.qualified in project.committing or routine.is_pinned:
            continue
        marker = source.marker("inlinable", routine.line - 1)
        if marker and routine.language == "sql" and not routine.is_definer:
            continue
        others = [s for s in routine.settings if s.name == "search_path"]
        if marker:
            problem = "marked inlinable, which only a SQL function that is no definer can be"
        elif others:
            problem = "pins another search_path"
        elif routine.is_definer:
            problem = "is SECURITY DEFINER without a pinned search_path"
        else:
            problem = "has no pinned search_path"
        if routine.kind == "procedure" and not routine.is_definer and _starts_pinned(routine.body):
            continue
        yield Finding(
            source.path, routine.line, "TH03", f"{routine.qualified} {problem}", f"add `{_PIN}`"
        )


def committing_procedure_pins(source: Source, project: Project) -> Iterator[Finding]:
    """TH04: no SET clause and no SECURITY DEFINER, ``set local`` first and after every COMMIT."""
    for routine in source.routines:
        if routine.kind == "do" or routine.qualified not in project.committing:
            continue
        yield from _header_faults(source, routine)
        if routine.body is not None:
            yield from _body_faults(source, project, routine, routine.body)


def _header_faults(source: Source, routine: Routine) -> Iterator[Finding]:
    for is_wrong, what in (
        (bool(routine.settings), "a SET clause"),
        (routine.is_definer, "SECURITY DEFINER"),
    ):
        if is_wrong:
            message = f"{routine.qualified} commits and has {what}, so its COMMIT would fail"
            cure = f"remove it; begin the body with `set local {_PIN.removeprefix('set ')}`"
            yield Finding(source.path, routine.line, "TH04", message, cure)


def _body_faults(
    source: Source, project: Project, routine: Routine, body: Body
) -> Iterator[Finding]:
    cure = f"write `set local {_PIN.removeprefix('set ')}` there"
    if not _starts_pinned(body):
        message = (
            f"the first statement of {routine.qualified}, which commits, does not pin the path"
        )
        line = body.top[0].line if body.top else routine.text_line
        yield Finding(source.path, line, "TH04", message, cure)
    for unit in body.defaults:
        if any(isinstance(node, pb.A_Expr) for _, node in walk(unit.tree)):
            yield Finding(
                source.path,
                unit.line,
                "TH04",
                "a declaration's operator runs before the path is pinned",
                "assign the variable after the first `set local`",
            )
    for statement in body.statements:
        if not ends(statement) and call_of(statement) not in project.committing:
            continue
        following = _next(statement)
        if following is not None and not _pins(following):
            what = "a CALL that commits" if statement.kind == "call" else statement.kind.upper()
            message = f"{what} is not directly followed by pinning the path again"
            yield Finding(source.path, statement.line, "TH04", message, cure)


def _next(statement: Statement) -> Statement | None:
    """What runs after a statement; None where the routine ends."""
    current, outer = statement, list(statement.outer)
    while True:
        if current.following:
            following = current.following[0]
            return None if following.kind == "return" else following
        if not outer:
            return None
        current = outer.pop()
        if current.kind in _JUMPS_BACK:
            return current


def _starts_pinned(body: Body | None) -> bool:
    top: Sequence[Statement] = body.top if body else ()
    return bool(top) and _pins(top[0])


def _pins(statement: Statement) -> bool:
    if statement.kind != "execsql" or not statement.sql:
        return False
    node = statement.sql[0].tree.stmts[0].stmt
    setting = node.variable_set_stmt
    return node.HasField("variable_set_stmt") and setting.is_local and is_pinning(setting)
