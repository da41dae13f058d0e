"""TH07 dollar tags, TH08 file names, TH12 variables, TH13 triggers, TH14 constraints."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from pgtandem.lint.finding import Finding
from pgtandem.lint.pgparser import pb, walk
from pgtandem.lint.plpgsql import Declared
from pgtandem.lint.project import Project
from pgtandem.lint.source import Routine, Source

_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TRIGGER = re.compile(r"tandem_[0-9]{2}_[a-z0-9_]+\Z")
_PREFIXES = {"variable": ("v_",), "record": ("r_",), "either": ("v_", "r_")}
_CONSTRAINTS = {
    pb.CONSTR_CHECK: "CHECK",
    pb.CONSTR_PRIMARY: "PRIMARY KEY",
    pb.CONSTR_UNIQUE: "UNIQUE",
    pb.CONSTR_EXCLUSION: "EXCLUDE",
    pb.CONSTR_FOREIGN: "FOREIGN KEY",
}
_NOT_INPUT = (pb.FUNC_PARAM_OUT, pb.FUNC_PARAM_TABLE)


def dollar_tag(source: Source, _project: Project) -> Iterator[Finding]:
    """TH07: the body of a routine stands between ``$name$``, if its name can be a tag.

    A routine that a DO block creates is free: the tag is that of the block.
    """
    for routine in source.routines:
        is_free = routine.kind == "do" or routine.in_block or not routine.text
        if is_free or not _TAG.match(routine.name):
            continue
        if routine.tag != routine.name:
            written = "quotes" if routine.tag is None else f"${routine.tag}$"
            message = f"the body of {routine.qualified} stands between {written}"
            cure = f"write ${routine.name}$"
            yield Finding(source.path, routine.text_line, "TH07", message, cure)


def file_name(source: Source, _project: Project) -> Iterator[Finding]:
    """TH08: a file of procedures/ holds one routine (or one view) of the file's name."""
    place = PurePosixPath(source.db_path)
    if place.parts[:1] != ("procedures",) or source.rendered:
        return
    made = [(routine.name, routine.line) for routine in source.routines if routine.kind != "do"]
    made += [
        (node.stmt.view_stmt.view.relname, source.line_at(node.stmt.view_stmt.view.location))
        for node in source.statements
        if node.stmt.HasField("view_stmt")
    ]
    for name, line in made[1:]:
        if name == made[0][0]:  # a DO block that makes one variant or another
            continue
        message = f"{name} is the second routine or view of this file"
        yield Finding(source.path, line, "TH08", message, f"move it to {name}.sql")
    if not made:
        yield Finding(
            source.path, 1, "TH08", "no routine and no view in this file", "move the file"
        )
    elif made[0][0] != place.stem:
        message = f"the file is named {place.name}, but what it makes is {made[0][0]}"
        yield Finding(source.path, made[0][1], "TH08", message, f"rename it to {made[0][0]}.sql")


def variable_names(source: Source, _project: Project) -> Iterator[Finding]:
    """TH12: ``p_`` parameters, ``v_`` variables, ``r_`` records; results keep their plain names."""
    for routine in source.routines:
        yield from _parameters(source, routine)
        if routine.body:
            for item in (*routine.body.declared, *routine.body.loop_variables):
                yield from _variable(source, item)


def _parameters(source: Source, routine: Routine) -> Iterator[Finding]:
    for node in routine.node.parameters:
        parameter = node.function_parameter
        if parameter.mode in _NOT_INPUT or parameter.name.startswith("p_"):
            continue
        line = source.line_at(parameter.location)
        name = parameter.name or "(no name)"
        message = f"parameter {name} of {routine.qualified} does not begin with p_"
        yield Finding(source.path, line, "TH12", message, "rename it")


def _variable(source: Source, item: Declared) -> Iterator[Finding]:
    allowed = _PREFIXES[item.kind]
    if not item.name.startswith(allowed):
        message = f"{item.kind if item.kind != 'either' else 'variable'} {item.name}"
        cure = f"begin its name with {' or '.join(allowed)}"
        yield Finding(source.path, item.line, "TH12", f"{message} has no prefix of its kind", cure)


def trigger_name(source: Source, _project: Project) -> Iterator[Finding]:
    """TH13: ``tandem_<nn>_<what>``, so that the firing order is read in the name."""
    for statement in source.statements:
        node = statement.stmt
        if node.HasField("create_trig_stmt") and not _TRIGGER.match(node.create_trig_stmt.trigname):
            trigger = node.create_trig_stmt
            line = source.line_at(trigger.relation.location)
            message = f"trigger {trigger.trigname} is not named tandem_<nn>_<what>"
            yield Finding(source.path, line, "TH13", message, "rename it, nn in firing order")


def constraints_named(source: Source, _project: Project) -> Iterator[Finding]:
    """TH14: constraints and indexes carry a name of ours, not one that PostgreSQL makes up."""
    for tree, line_at in source.sql():
        for _, node in walk(tree):
            if isinstance(node, pb.Constraint):
                kind = _CONSTRAINTS.get(node.contype)
                if kind and not node.conname:
                    line = line_at(node.location)
                    cure = "write `constraint <table>_<what>_<kind>` before it"
                    yield Finding(source.path, line, "TH14", f"{kind} without a name", cure)
            elif isinstance(node, pb.IndexStmt) and not node.idxname:
                line = line_at(node.relation.location)
                cure = "name it <table>_<columns>_idx"
                yield Finding(source.path, line, "TH14", "index without a name", cure)
