"""What rules must know beyond their own file: who commits, which transition tables exist."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pgtandem.lint.pgparser import Node
from pgtandem.lint.plpgsql import Sql, Statement
from pgtandem.lint.source import Routine, Source

PROBE_CONDITION = "invalid_transaction_termination"


@dataclass
class Project:
    """`committing` are qualified names of procedures that commit, themselves or through a CALL;
    `transition_tables` maps a trigger function to the names that its triggers give it."""

    committing: set[str] = field(default_factory=set)
    transition_tables: dict[str, set[str]] = field(default_factory=dict)


def read_project(sources: Iterable[Source]) -> Project:
    """Collect what all files together say."""
    sources = list(sources)
    project = Project()
    for source in sources:
        for statement in source.statements:
            _add_transition_tables(project, statement.stmt)
    routines = [routine for source in sources for routine in source.routines]
    calls = {routine.qualified: called(routine) for routine in routines}
    project.committing = {r.qualified for r in routines if ends_transaction(r)}
    while True:
        more = {name for name, called in calls.items() if called & project.committing}
        if more <= project.committing:
            return project
        project.committing |= more


def _add_transition_tables(project: Project, node: Node) -> None:
    if node.HasField("create_trig_stmt"):
        trigger = node.create_trig_stmt
        function = ".".join(part.string.sval for part in trigger.funcname)
        names = {rel.trigger_transition.name for rel in trigger.transition_rels}
        project.transition_tables.setdefault(function, set()).update(names)


def called(routine: Routine) -> set[str]:
    """Qualified names of the procedures that a PL/pgSQL body calls."""
    if routine.body is None:
        return set()
    return {name for s in routine.body.statements if (name := call_of(s)) is not None}


def call_of(statement: Statement) -> str | None:
    """The qualified name that a CALL statement calls."""
    if statement.kind != "call" or not statement.sql:
        return None
    unit: Sql = statement.sql[0]
    node = unit.tree.stmts[0].stmt
    if not node.HasField("call_stmt"):
        return None
    return ".".join(part.string.sval for part in node.call_stmt.funccall.funcname)


def ends_transaction(routine: Routine) -> bool:
    """It has a COMMIT or ROLLBACK that may succeed."""
    if routine.body is None:
        return False
    return any(ends(statement) for statement in routine.body.statements)


def ends(statement: Statement) -> bool:
    """A COMMIT or ROLLBACK that may succeed."""
    return statement.kind in ("commit", "rollback") and not is_probe(statement)


def is_probe(statement: Statement) -> bool:
    """A COMMIT or ROLLBACK that only asks who holds the transaction.

    It always fails, because it stands in a block with an EXCEPTION part: one that does nothing
    else (a ROLLBACK may be followed by RETURN) and handles nothing but the error that this gives.
    """
    if not statement.outer:
        return False
    block = statement.outer[-1]
    kinds = [kind for kind, data in block.body if not (kind == "return" and "lineno" not in data)]
    allowed = [["commit"]] if statement.kind == "commit" else [["rollback"], ["rollback", "return"]]
    return block.kind == "block" and kinds in allowed and set(block.conditions) == {PROBE_CONDITION}
