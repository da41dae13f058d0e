"""Fixtures of the core's tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_endless_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that does not end is a failed test, not a test run that hangs."""
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=30s")
