"""sqlfluff over static and rendered SQL; it reads everything but the bodies of routines."""

import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from sqlfluff.core import FluffConfig, Linter

from pgtandem.lint.finding import Finding
from pgtandem.lint.source import Source

CONFIG_NAME = ".sqlfluff"
_PROCESSES = 2
_WORTH_A_POOL = 12  # starting two processes costs as much as linting about this many files
# sqlfluff's own parser refused; PostgreSQL's has the say, see TH00.
_NOT_OURS = frozenset({"PRS"})
# The width of rendered lines follows from the mapping's names.
_NOT_RENDERED = frozenset({"LT05"})


def find_config(db_dir: Path) -> Path:
    """The project's `.sqlfluff`, from `db_dir` upwards; else the copy in the installed package.

    Raises:
        FileNotFoundError: there is neither.
    """
    packaged = Path(__file__).parent / CONFIG_NAME
    for folder in (db_dir.resolve(), *db_dir.resolve().parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
    if packaged.is_file():
        return packaged
    raise FileNotFoundError(f"no {CONFIG_NAME} above {db_dir} and none in the package")


def lint_with_sqlfluff(
    sources: Sequence[Source], config_path: Path, processes: int = _PROCESSES
) -> list[Finding]:
    """Lint the text of `sources` in up to `processes` processes.

    Not by sqlfluff's own pool: it reads files only, and leaves a semaphore behind.
    """
    items = [(source.path, source.text, source.rendered) for source in sources]
    if processes < 2 or len(items) < _WORTH_A_POOL:
        return _lint_texts(str(config_path), items)
    shares = [items[number::processes] for number in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        found = pool.map(_lint_texts, [str(config_path)] * processes, shares)
        return [finding for share in found for finding in share]


def _lint_texts(config_path: str, items: Sequence[tuple[str, str, bool]]) -> list[Finding]:
    """Lint (path, text, is rendered) one after the other; runs in a process of its own."""
    logging.getLogger("sqlfluff").setLevel(logging.ERROR)
    config = FluffConfig.from_root(
        extra_config_path=config_path, ignore_local_config=True, overrides={"nocolor": True}
    )
    linter = Linter(config=config)
    found: list[Finding] = []
    for path, text, is_rendered in items:
        skipped = _NOT_OURS | (_NOT_RENDERED if is_rendered else frozenset())
        for violation in linter.lint_string(text).get_violations():
            if violation.rule_code() not in skipped:
                message = " ".join(violation.desc().split())
                found.append(Finding(path, violation.line_no, violation.rule_code(), message))
    return found
