"""What the verbs have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from candle_spec.canonical import tag_number
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.series.entries import Entry
    from candle_spec.series.series import Series

Decorator = Callable[..., Any]

folder: Decorator = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
epoch: Decorator = click.argument("epoch")
as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def name_of(text: str) -> int | str:
    """Return an epoch as a number; the name of a checkpoint's folder as it is."""
    return int(text) if text.isascii() and text.isdigit() else text


def find(series: Series, text: str) -> Entry:
    """Return the checkpoint that a user names: an epoch, the name of a folder, a tag, ``last`` or ``best``.

    Raises:
        InvalidInputError: There is none.
    """
    if text in ("last", "best"):
        found = series.last() if text == "last" else series.best()
    else:
        wanted = name_of(text)
        entries = [entry for entry in series.entries() if entry.complete]
        named = [entry for entry in entries if wanted in (entry.epoch, entry.name, *entry.tags)]
        named.sort(key=lambda entry: (not entry.superseded, entry.order))
        found = named[-1] if named else None
    if found is None:
        known = ", ".join(entry.name for entry in series.entries()) or "there are none"
        raise InvalidInputError(f"there is no checkpoint {text}", location=str(series.path), hint=known)
    return found


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
