"""``candle-spec series``: one verb a file, each imported when it is called."""

from __future__ import annotations

from typing import Final

import click

from candle_spec.cli.verbs import Verbs

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


@click.group("series", cls=Verbs, package=__name__, verbs=VERBS, epilog="Example: candle-spec series ls out/ckpts")
def command() -> None:
    """Look at a training series, and tidy it up: the folder that ckpt_directory names."""
