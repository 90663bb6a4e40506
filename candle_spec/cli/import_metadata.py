"""``candle-spec import-metadata``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output.words import plural


@click.command(
    "import-metadata", epilog="Example: candle-spec import-metadata --from huggingface README.md model.candle"
)
@click.option("--from", "origin", required=True, help="The repository that the record is of.")
@click.argument("record", type=click.Path(path_type=Path))
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--replace", is_flag=True, help="Take the record's value where the manifest has another.")
@click.option("--templates", type=click.Path(path_type=Path), multiple=True, help="A folder of templates of your own.")
def command(origin: str, record: Path, checkpoint: Path, yes: bool, replace: bool, templates: tuple[Path, ...]) -> int:
    """Fill the manifest of CHECKPOINT from a repository's RECORD; the difference is shown first."""
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.checkpoint.seal import refuse_other_version
    from candle_spec.repositories.engine import importer
    from candle_spec.repositories.templates import search

    template = search.choose(search.library(templates), origin)
    made = importer.read(template, record)
    opened = Checkpoint(checkpoint)
    refuse_other_version(opened)
    changes = importer.differences(opened.document, made, replace=replace)
    for line in _lines(opened.document, changes):
        click.echo(line)
    if not changes:
        click.echo("nothing to take: the manifest says all of it already")
        return exit_codes.OK
    if not yes and not click.confirm(f"write {plural(len(changes), 'value')} into the manifest?"):
        return exit_codes.OK
    filled = importer.with_changes(opened.document, changes, f"{template.key} record {record.name}")
    importer.store(opened.path, opened.document, filled, location=str(record))
    click.echo(f"-> {opened.path}")
    return exit_codes.OK


def _lines(manifest: dict[str, Any], changes: dict[str, Any]) -> Iterator[str]:
    from candle_spec import pointer as pointers

    for at, value in changes.items():
        before = pointers.get(manifest, at)
        if before is not None:
            yield f"- {at}: {json.dumps(before, ensure_ascii=False)}"
        yield f"+ {at}: {json.dumps(value, ensure_ascii=False)}"
