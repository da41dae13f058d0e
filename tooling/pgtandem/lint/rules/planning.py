"""TH20 routines that forbid plans are not compiled."""

from collections.abc import Iterator

from pgtandem.lint.finding import Finding
from pgtandem.lint.project import Project
from pgtandem.lint.source import Source


def no_compiled_detours(source: Source, _project: Project) -> Iterator[Finding]:
    """TH20: ``set jit = off`` beside each ``set enable_... = off``.

    What is forbidden adds so much to a plan's cost that a server with LLVM compiles each of them.
    """
    for routine in source.routines:
        names = {setting.name for setting in routine.settings}
        if any(name.startswith("enable_") for name in names) and "jit" not in names:
            message = f"{routine.qualified} makes plans look costly, and they would be compiled"
            yield Finding(source.path, routine.line, "TH20", message, "add `set jit = off`")
