"""The command line. Each command is thin: parse, connect, call SQL, show."""

from pgtandem.cli.group import main

__all__ = ["main"]
