"""Linting of SQL: sqlfluff for what is outside routine bodies, house rules on the parse tree."""

from pgtandem.lint.finding import Finding
from pgtandem.lint.run import lint_project, run_lint

__all__ = ["Finding", "lint_project", "run_lint"]
