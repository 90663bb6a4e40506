"""``candle-spec series path``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli.series import _arguments


@click.command("path", epilog='Example: candle-spec inspect "$(candle-spec series path out/ckpts best)"')
@_arguments.folder
@_arguments.epoch
@_arguments.as_json
def command(folder: Path, epoch: str, as_json: bool) -> None:
    """Print the path of the checkpoint EPOCH: an epoch, a folder's name, a tag, last or best."""
    from candle_spec.series.series import Series

    entry = Series.read(folder).find(epoch)
    _arguments.show({"path": str(entry.path)}, str(entry.path), json_wanted=as_json)
