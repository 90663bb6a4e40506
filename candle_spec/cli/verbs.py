"""A command with verbs of its own: one verb a file, each imported when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class Verbs(click.Group):
    """The verbs of one command, in the order in which they are given.

    Args:
        package: The package that holds a module with a ``command`` for each verb.
        verbs: What each verb does.
    """

    def __init__(self, *, package: str, verbs: Mapping[str, str], **settings: Any) -> None:
        super().__init__(**settings)
        self._package = package
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._verbs:
            return None
        command: click.Command = importlib.import_module(f"{self._package}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._verbs.items()))
