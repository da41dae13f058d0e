"""A group whose commands are modules, loaded when they are needed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """`sections` are the headings of the help with their verbs, in their order.

    A verb is the module of the same name in `package`, or the one that `modules` names where the
    verb is a keyword of Python; `command` in it is the command.
    """

    def __init__(
        self,
        *arguments: Any,
        package: str,
        sections: Mapping[str, str],
        modules: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.package = package
        self.sections = sections
        self.modules = modules or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb for verbs in self.sections.values() for verb in verbs.split()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        name = self.modules.get(cmd_name, cmd_name)
        module = importlib.import_module(f"{self.package}.{name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, verbs in self.sections.items():
            rows = []
            for verb in verbs.split():
                command = self.get_command(ctx, verb)
                if command is not None:
                    rows.append((verb, command.get_short_help_str(limit=formatter.width - 16)))
            with formatter.section(section):
                formatter.write_dl(rows)
