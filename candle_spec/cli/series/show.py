"""``candle-spec series show``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from candle_spec.cli.output import words
from candle_spec.cli.series import _arguments


@click.command("show", epilog="Example: candle-spec series show out/ckpts 12")
@_arguments.folder
@click.argument("epoch", default="last")
@_arguments.as_json
def command(folder: Path, epoch: str, as_json: bool) -> None:
    """Show the checkpoint EPOCH of the series at DIR: an epoch, a folder's name, a tag, last (the default) or best."""
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.series.series import Series

    entry = Series.read(folder).find(epoch)
    manifest = Checkpoint(entry.path).document
    document = {**_arguments.about(entry), "lineage": manifest.get("lineage", {}), "files": manifest["files"]}
    document["resume_grade"] = manifest.get("training_state", {}).get("resume_grade", "")
    _arguments.show(document, "\n".join(_lines(document)), json_wanted=as_json)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    yield document["path"]
    for key in ("epoch", "step", "created", "attempt", "run_id", "state_digest", "resume_grade"):
        if document[key] not in (None, ""):
            yield f"  {key.replace('_', ' '):<14} {document[key]}"
    for name, value in document["metrics"].items():
        yield f"  {name:<14} {value['$float'] if isinstance(value, dict) else value}"
    yield f"  {'size':<14} {words.size(document['size'])}, of which {words.size(document['unique_size'])} are its own"
    for record in document["files"]:
        yield f"    {record['path']:<40} {words.size(record['size']):>10}  {record['role']}"
