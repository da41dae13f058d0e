"""Approved files: a text that a person has read and accepted, compared with what there is now."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

SHOWN_LINES = 60


@dataclass(frozen=True)
class Approved:
    """The folder of approved files, and whether they are to be rewritten (--approve)."""

    folder: Path
    rewrite: bool

    def check(self, name: str, text: str) -> None:
        """Fail with a diff where `text` is not what the file says."""
        file = self.folder / name
        if self.rewrite:
            self.folder.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return
        there = file.read_text(encoding="utf-8") if file.exists() else ""
        shown = f"{self.folder.name}/{name}"
        if there == text:
            return
        lines = list(
            difflib.unified_diff(
                there.splitlines(), text.splitlines(), shown, "now", lineterm="", n=1
            )
        )
        rest = f"\n... and {len(lines) - SHOWN_LINES} lines" if len(lines) > SHOWN_LINES else ""
        raise AssertionError(
            f"{shown} is not what there is now. Where the change is wanted: run this "
            "test with --approve (make test PYTEST='--approve'), read the diff that git shows, "
            "commit it.\n" + "\n".join(lines[:SHOWN_LINES]) + rest
        )
