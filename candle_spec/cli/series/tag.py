"""``candle-spec series tag``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli.series import _arguments
from candle_spec.errors import InvalidInputError


@click.command("tag", epilog="Example: candle-spec series tag out/ckpts 12 published")
@_arguments.folder
@click.argument("epoch", required=False)
@click.argument("tag", required=False)
@click.option("--delete", metavar="TAG", help="Remove a tag.")
@_arguments.as_json
def command(folder: Path, epoch: str | None, tag: str | None, delete: str | None, as_json: bool) -> None:
    """Give the checkpoint EPOCH of the series at DIR the tag TAG; a tagged one is never pruned."""
    from candle_spec.series.series import Series

    if (delete is None) == (epoch is None or tag is None):
        raise InvalidInputError("name an epoch and a tag, or --delete a tag")
    with Series.create_or_open(folder) as series:
        if delete is not None:
            series.untag(delete)
        elif epoch is not None and tag is not None:
            series.tag(series.find(epoch).name, tag)
        tags = {name: entry.name for entry in series.entries() for name in entry.tags}
    text = "\n".join(f"{name}  {where}" for name, where in sorted(tags.items())) or "no tags"
    _arguments.show({"tags": tags}, text, json_wanted=as_json)
