"""TH05 one routine commits; TH06 no COMMIT within a block that has an EXCEPTION part."""

from collections.abc import Iterator

from pgtandem.lint.finding import Finding
from pgtandem.lint.project import Project, call_of, ends
from pgtandem.lint.source import Source

LOOP_FILE = "procedures/core/_run.sql"


def one_committing_routine(source: Source, _project: Project) -> Iterator[Finding]:
    """TH05: COMMIT and ROLLBACK stand in the loop alone."""
    for routine in source.routines:
        if routine.body is None or (source.db_path == LOOP_FILE and not source.rendered):
            continue
        for statement in routine.body.statements:
            if ends(statement):
                message = f"{statement.kind.upper()} in {routine.qualified}: only the loop ends one"
                cure = f"make it a step that db/{LOOP_FILE} executes"
                yield Finding(source.path, statement.line, "TH05", message, cure)


def commit_outside_handlers(source: Source, project: Project) -> Iterator[Finding]:
    """TH06: COMMIT, or a CALL that commits, fails at run time within a block with EXCEPTION.

    The probe that asks who holds the transaction is excepted by its shape, see `is_probe`.
    """
    for routine in source.routines:
        for statement in routine.body.statements if routine.body else ():
            if not ends(statement) and call_of(statement) not in project.committing:
                continue
            blocks = [block for block in statement.outer if block.has_handlers]
            if blocks:
                message = (
                    f"{statement.kind.upper()} inside the EXCEPTION block of line {blocks[0].line}"
                )
                cure = "end that block first; set a variable in it and act on that after its END"
                yield Finding(source.path, statement.line, "TH06", message, cure)
