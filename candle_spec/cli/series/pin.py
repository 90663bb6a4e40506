"""``candle-spec series pin``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli.series import _arguments


@click.command("pin", epilog="Example: candle-spec series pin out/ckpts 12")
@_arguments.folder
@_arguments.epoch
@click.option("--off", is_flag=True, help="Undo it.")
@_arguments.as_json
def command(folder: Path, epoch: str, off: bool, as_json: bool) -> None:
    """Never prune the checkpoint EPOCH of the series at DIR."""
    from candle_spec.series.series import Series

    with Series.create_or_open(folder) as series:
        name = series.find(epoch).name
        series.unpin(name) if off else series.pin(name)
        pinned = [entry.name for entry in series.entries() if entry.pinned]
    _arguments.show({"pinned": pinned}, f"pinned: {', '.join(pinned) or 'none'}", json_wanted=as_json)
