"""The house rules: each is a function from a file and its project to findings.

A rule stands here only if neither PostgreSQL's parser nor sqlfluff finds the same: sqlfluff takes a
routine's body for one string constant and knows nothing of search paths or transactions.
"""

from collections.abc import Callable, Iterator

from pgtandem.lint.finding import Finding
from pgtandem.lint.project import Project
from pgtandem.lint.rules.comments import comment_present
from pgtandem.lint.rules.errors import raise_is_complete, when_others_has_reason
from pgtandem.lint.rules.layout import body_text, no_plain_backslash
from pgtandem.lint.rules.loops import no_execute_in_trigger, no_handler_in_row_loop
from pgtandem.lint.rules.naming import (
    constraints_named,
    dollar_tag,
    file_name,
    trigger_name,
    variable_names,
)
from pgtandem.lint.rules.paths import committing_procedure_pins, path_pinned
from pgtandem.lint.rules.planning import no_compiled_detours
from pgtandem.lint.rules.qualified import functions_qualified, relations_qualified
from pgtandem.lint.rules.transactions import commit_outside_handlers, one_committing_routine
from pgtandem.lint.source import Source

Rule = Callable[[Source, Project], Iterator[Finding]]

RULES: dict[str, Rule] = {
    "TH01": relations_qualified,
    "TH02": functions_qualified,
    "TH03": path_pinned,
    "TH04": committing_procedure_pins,
    "TH05": one_committing_routine,
    "TH06": commit_outside_handlers,
    "TH07": dollar_tag,
    "TH08": file_name,
    "TH09": comment_present,
    "TH10": raise_is_complete,
    "TH11": when_others_has_reason,
    "TH12": variable_names,
    "TH13": trigger_name,
    "TH14": constraints_named,
    "TH15": no_execute_in_trigger,
    "TH16": no_handler_in_row_loop,
    "TH18": body_text,
    "TH19": no_plain_backslash,
    "TH20": no_compiled_detours,
}
