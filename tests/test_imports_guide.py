"""Every command of the guides to imports, in their order, and what they say that it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cli import environment
from support.databases import Database

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^( *)```(sh|sql|text)\n(.*?)^ *```$", re.M | re.S)
TIMEOUT_SECONDS = 100
ANYTHING = "…"


@dataclass(frozen=True)
class Step:
    """A block of commands, and the block of text after it: what they print, where it is said."""

    line: int
    language: str
    commands: str
    printed: str | None
    refused: bool


def steps(text: str) -> list[Step]:
    """The blocks of a document; after `is refused:` comes one that must fail."""
    blocks = list(BLOCK.finditer(text))
    found = []
    for at, block in enumerate(blocks):
        if block[2] == "text":
            continue
        after = blocks[at + 1] if at + 1 < len(blocks) else None
        printed = after and after[2] == "text" and not text[block.end() : after.start()].strip()
        before = text[: block.start()].rstrip().rpartition("\n")[2]
        found.append(
            Step(
                text[: block.start()].count("\n") + 1,
                block[2],
                _plain(block),
                _plain(after) if printed and after else None,
                before.endswith("is refused:"),
            )
        )
    return found


def _plain(block: re.Match[str]) -> str:
    return re.sub(f"^{block[1]}", "", block[3], flags=re.M)


@dataclass
class Shell:
    """bash in a folder of its own, with pgtandem and PostgreSQL's programs on its path."""

    folder: Path
    variables: dict[str, str]

    def run(self, step: Step) -> subprocess.CompletedProcess[str]:
        """The commands of a block, to the first that fails; its output with its errors."""
        commands = step.commands
        if step.language == "sql":
            (self.folder / "block.sql").write_text(commands, encoding="utf-8")
            commands = 'psql -X -q -v ON_ERROR_STOP=1 -f block.sql "$PGTANDEM_DSN"'
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", commands],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )


def shows(line: str, printed: str) -> bool:
    """Whether a line of a document is what was printed, its "…" standing for anything."""
    parts = (re.escape(" ".join(part.split())) for part in line.split(ANYTHING))
    wanted = r"\s*.*\s*".join(parts)
    return re.fullmatch(wanted, " ".join(printed.split())) is not None


def missing(expected: str, printed: str) -> list[str]:
    """The lines of a document that were not printed, in this order."""
    left = iter(printed.splitlines())
    return [
        line
        for line in expected.splitlines()
        if line.strip() not in ("", ANYTHING) and not any(shows(line, one) for one in left)
    ]


@pytest.fixture
def shell(bare_db: Database, tmp_path: Path) -> Iterator[Shell]:
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "pgtandem"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pgtandem "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    folder = tmp_path / "work"
    folder.mkdir()
    binaries = bare_db.server.programs.psql.parent
    copy = f"{bare_db.clone_name}_copy"
    variables = environment(bare_db.owner_dsn) | {
        "PATH": f"{programs}:{binaries}:{os.environ['PATH']}",
        "ADMIN_DSN": bare_db.server.admin_conninfo,
        "COPY": copy,
        "COPY_DSN": bare_db.server.conninfo(copy, "shop_owner"),
        "PGTZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }
    try:
        yield Shell(folder, variables)
    finally:
        bare_db.server.drop_database(copy)


@pytest.mark.parametrize("name", ["imports", "importing-migration", "workers"])
def test_every_command_prints_what_the_guide_says(name: str, shell: Shell) -> None:
    path = DOCS / f"{name}.md"
    done = steps(path.read_text(encoding="utf-8"))
    for step in done:
        where = f"{path.name}:{step.line}"
        finished = shell.run(step)
        assert (finished.returncode != 0) == step.refused, f"{where}\n{finished.stdout}"
        if step.printed is not None:
            absent = missing(step.printed, finished.stdout)
            assert not absent, f"{where} does not print {absent[0]!r}:\n{finished.stdout}"
    assert sum(step.printed is not None for step in done) >= 3, "a guide shows what it prints"


def test_what_is_not_printed_is_found() -> None:
    printed = "import  7 of items (done)\nrows    5,000\n"
    assert missing("import … of items (done)\nrows 5,000\n", printed) == []
    assert missing("rows 5,001\n", printed) == ["rows 5,001"]
    assert missing("rows 5,000\nimport 7 …\n", printed) == ["import 7 …"], "in another order"
