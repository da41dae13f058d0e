"""TH10 an error is complete; TH11 nobody swallows what he does not know."""

from collections.abc import Iterator

from pgtandem.lint.finding import Finding
from pgtandem.lint.pgparser import pb, scan
from pgtandem.lint.plpgsql import Statement
from pgtandem.lint.project import Project
from pgtandem.lint.source import Routine, Source


def raise_is_complete(source: Source, _project: Project) -> Iterator[Finding]:
    """TH10: RAISE EXCEPTION has ERRCODE, and DETAIL or HINT.

    A signal that a block around it handles by the same SQLSTATE never reaches a reader and needs
    only the ERRCODE.
    """
    for routine in source.routines:
        for statement in routine.body.statements if routine.body else ():
            if not statement.raises_error:
                continue
            given = statement.raise_options
            missing = []
            if "errcode" not in given:
                missing.append("ERRCODE")
            if not given & {"detail", "hint"} and not _is_signal(statement):
                missing.append("DETAIL or HINT")
            if missing:
                message = f"RAISE EXCEPTION without {' and without '.join(missing)}"
                cure = "give the code, what is known beyond the message, and what to do"
                yield Finding(source.path, statement.line, "TH10", message, cure)


def _is_signal(statement: Statement) -> bool:
    codes = {statement.data.get("condname", "")}
    for option in statement.data.get("options", []):
        value = option["PLpgSQL_raise_option"]
        if value.get("opt_type", 0) == 0:
            codes.add(value["expr"]["PLpgSQL_expr"]["query"].strip("'"))
    handled = {condition for block in statement.outer for condition in block.conditions}
    return bool(codes & handled)


def when_others_has_reason(source: Source, _project: Project) -> Iterator[Finding]:
    """TH11: WHEN OTHERS only with ``-- lint: others: <reason>`` on its line or the line above."""
    for routine in source.routines:
        if routine.body is None:
            continue
        if not any("others" in s.conditions for s in routine.body.statements):
            continue
        for line in _others(routine):
            marker = source.marker("others", line, line - 1)
            if marker and marker.reason:
                continue
            message = "WHEN OTHERS catches what nobody thought of"
            cure = "name the conditions, or write `-- lint: others: <reason>` above it"
            yield Finding(source.path, line, "TH11", message, cure)


def _others(routine: Routine) -> Iterator[int]:
    """Lines of the handlers' ``others``: after WHEN or OR, before THEN or OR."""
    raw = routine.text.encode()
    tokens = [
        token
        for token in scan(routine.text).tokens
        if token.token not in (pb.SQL_COMMENT, pb.C_COMMENT)
    ]
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        word = raw[token.start : token.end].lower()
        around = before.token in (pb.WHEN, pb.OR) and after.token in (pb.THEN, pb.OR)
        if word == b"others" and around:
            yield routine.text_line + raw[: token.start].count(b"\n")
