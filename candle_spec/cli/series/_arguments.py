"""What the verbs have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from candle_spec.canonical import tag_number

if TYPE_CHECKING:
    from candle_spec.series.entries import Entry

Decorator = Callable[..., Any]

folder: Decorator = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
epoch: Decorator = click.argument("epoch")
as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def name_of(text: str) -> int | str:
    """Return an epoch as a number; the name of a checkpoint's folder as it is."""
    return int(text) if text.isascii() and text.isdigit() else text


def about(entry: Entry) -> dict[str, Any]:
    """Return a checkpoint's line as JSON."""
    return {
        "name": entry.name,
        "epoch": entry.epoch,
        "step": entry.step,
        "path": str(entry.path),
        "state_digest": entry.state_digest,
        "metrics": {name: tag_number(value) for name, value in entry.metrics.items()},
        "size": entry.size,
        "unique_size": entry.unique_size,
        "created": entry.created,
        "run_id": entry.run_id,
        "attempt": entry.attempt,
        "superseded": entry.superseded,
        "pinned": entry.pinned,
        "tags": list(entry.tags),
        "complete": entry.complete,
        "problems": list(entry.problems),
    }


def show(document: Any, text: str, *, json_wanted: bool) -> None:
    """Print a result, as JSON or in words."""
    click.echo(json.dumps(document, indent=2) if json_wanted else text)
