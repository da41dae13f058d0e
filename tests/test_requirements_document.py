"""docs/requirements.md: each line is there, and names tests that are there."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "requirements.md").read_text(encoding="utf-8")
AREAS = {"P": 30, "I": 25}
"""So many lines each source document has."""
SHORT = {"r": "sync/test_requirements.py", "i": "imports/test_requirements.py"}

LINES = {
    match[1]: match[2] for match in re.finditer(r"^\| ([A-Z]\d\d) \| (.*) \|$", TEXT, re.MULTILINE)
}
NAMED = re.compile(r"`(?:([a-z_/]+\.py|[ri]): )?(test_[a-z0-9_*]+(?:\.py)?)`")


def named_tests(line: str) -> list[tuple[str, str]]:
    """The tests that a line names, as (file, name); a name without a file is of the last file."""
    found, file = [], ""
    for in_file, name in NAMED.findall(line):
        if name.endswith(".py"):
            found.append((name, "*"))
            continue
        file = SHORT.get(in_file, in_file) or file
        found.append((file, name))
    return found


@pytest.mark.parametrize(("area", "count"), AREAS.items())
def test_each_line_is_there_once_and_in_its_order(area: str, count: int) -> None:
    ids = re.findall(rf"^\| ({area}\d\d) \|", TEXT, re.MULTILINE)
    assert ids == [f"{area}{number:02}" for number in range(1, count + 1)]


@pytest.mark.parametrize("line", LINES)
def test_each_line_has_a_test_that_is_there_or_says_why_not(line: str) -> None:
    tests = named_tests(LINES[line])
    if not tests:
        assert re.search(r"not built: \w|a limit, |as P\d\d|^documentation", LINES[line]), line
    for file, name in tests:
        path = TESTS / file
        assert path.is_file(), f"{line}: {file}"
        there = re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert fnmatch.filter(there, name), f"{line}: {file} has no {name}"
