"""``candle-spec series last``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli.series import _arguments


@click.command("last", epilog="Example: candle-spec series last out/ckpts")
@_arguments.folder
@click.option("--set", "epoch", metavar="EPOCH", help="Let last name this epoch: the next restart goes on from there.")
@_arguments.as_json
def command(folder: Path, epoch: str | None, as_json: bool) -> None:
    """Print the path of the checkpoint that last names in the series at DIR; with --set, roll the training back."""
    from candle_spec.series.series import Series

    if epoch is not None:
        with Series.create_or_open(folder) as series:
            series.set_last(series.find(epoch).name)
    entry = Series.read(folder).find("last")
    _arguments.show(_arguments.about(entry), str(entry.path), json_wanted=as_json)
