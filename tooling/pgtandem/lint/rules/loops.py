"""TH15 and TH16: what must not run once per row."""

from collections.abc import Iterator

from pgtandem.lint.finding import Finding
from pgtandem.lint.project import Project
from pgtandem.lint.source import Source

_ROW_LOOPS = {"fors": "FOR", "forc": "FOR", "dynfors": "FOR", "foreach_a": "FOREACH"}


def no_execute_in_trigger(source: Source, _project: Project) -> Iterator[Finding]:
    """TH15: a trigger function has no dynamic SQL: no plan is kept, nothing can be linted."""
    for routine in source.routines:
        if routine.body is None or not routine.is_trigger:
            continue
        for statement in routine.body.statements:
            if statement.kind in ("dynexecute", "dynfors") or "dynquery" in statement.data:
                message = f"EXECUTE in the trigger function {routine.qualified}"
                cure = "render the statement from the mapping"
                yield Finding(source.path, statement.line, "TH15", message, cure)


def no_handler_in_row_loop(source: Source, _project: Project) -> Iterator[Finding]:
    """TH16: an EXCEPTION block in a loop over rows opens a subtransaction for every row.

    LOOP, WHILE and a FOR over integers are for retries and are free.
    """
    for routine in source.routines:
        for statement in routine.body.statements if routine.body else ():
            loops = [outer for outer in statement.outer if outer.kind in _ROW_LOOPS]
            if statement.has_handlers and loops:
                kind = _ROW_LOOPS[loops[-1].kind]
                message = f"EXCEPTION block inside the {kind} loop of line {loops[-1].line}"
                cure = "test beforehand, or work on the set and isolate what fails"
                yield Finding(source.path, statement.line, "TH16", message, cure)
