"""Options that the commands about repositories share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def shared(command: Command) -> Command:
    """Add ``--templates``, ``--model-file`` and ``--site``."""
    where = click.Path(path_type=Path)
    for option in (
        click.option("--site", type=where, help="Site profile (default: $CANDLE_SPEC_SITE, or the user's own)."),
        click.option("--model-file", type=where, help="Model description (default: candle-model.yaml found upwards)."),
        click.option(
            "--templates", type=where, multiple=True, help="A folder of templates of your own; may be repeated."
        ),
    ):
        command = option(command)
    return command


def epoch_option(command: Command) -> Command:
    """Add ``--epoch``."""
    return click.option(
        "--epoch",
        help="Of a series: last, best, all, or the number of a checkpoint (default: the newest, as publish takes it).",
    )(command)
