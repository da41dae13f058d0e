"""`pgtandem import`: the group of what replaces an importer that locks whole tables.

A command is a module beside this file, of its verb's name, with `command` in it, and its verb in
SECTIONS.
"""

from __future__ import annotations

from typing import Final

import click

from pgtandem.cli.lazy import LazyGroup

SECTIONS: Final = {
    "Before the change": "scan compare",
    "The change": "flag",
    "An import": "run status failed settle cancel undo",
    "All imports": "alerts report",
}


@click.group("import", cls=LazyGroup, package="pgtandem.cli.imports", sections=SECTIONS)
def command() -> None:
    """Import files row by row, and find imports that lock whole tables."""
