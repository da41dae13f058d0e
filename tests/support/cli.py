"""The command line as users meet it: a process of its own, its output, its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Done:
    """What a finished command left."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Its standard output, which must be JSON and nothing else."""
        return json.loads(self.out)


def environment(dsn: str | None, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Without what the tests' own environment says of a database or a terminal."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "COLUMNS")) or name in ("PGTANDEM_PG_BIN", "PGTANDEM_PG_USER")
    }
    if dsn is not None:
        kept["PGTANDEM_DSN"] = dsn
    return {**kept, **(extra or {})}


def start(
    *arguments: str | Path,
    dsn: str | None,
    folder: Path | None = None,
    stderr: int = subprocess.PIPE,
    variables: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """The command as a running process; PGTANDEM_DSN is `dsn`."""
    return subprocess.Popen(
        [sys.executable, "-m", "pgtandem", *map(str, arguments)],
        # a job in the background starts with Ctrl-C ignored, and its children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        cwd=folder,
        env=environment(dsn, variables),
    )


def pgtandem(
    *arguments: str | Path,
    dsn: str | None,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Done:
    """Run the command to its end; `variables` are further ones of its environment."""
    with start(*arguments, dsn=dsn, folder=folder, variables=variables) as process:
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    return Done(process.returncode, out, err)
