"""``candle-spec series``: one verb a file, each imported when it is called."""

from __future__ import annotations

import importlib
from typing import Final

import click

VERBS: Final = {
    "ls": "List the checkpoints: epoch, metrics, size, what of it is unique, flags.",
    "show": "Show one checkpoint, or what is known of the run.",
    "verify": "Verify every byte of every checkpoint.",
    "best": "Print the path of the best checkpoint, or choose it.",
    "last": "Print the path of the newest checkpoint, or roll the training back.",
    "path": "Print the path of one checkpoint.",
    "prune": "Delete what is not to be kept.",
    "tag": "Give a checkpoint a tag, or remove a tag.",
    "pin": "Never prune a checkpoint.",
    "copy": "Copy a series and keep its sharing.",
    "restore": "Bring the native checkpoint of an epoch back.",
    "repair": "Copy damaged files again from other checkpoints.",
}


class Verbs(click.Group):
    """The verbs, in the order of a day's work."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"candle_spec.cli.series.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group("series", cls=Verbs, epilog="Example: candle-spec series ls out/ckpts")
def command() -> None:
    """Look at a training series, and tidy it up: the folder that ckpt_directory names."""
