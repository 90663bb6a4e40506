"""``candle-spec series best``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli.series import _arguments


@click.command("best", epilog="Example: candle-spec series best out/ckpts")
@_arguments.folder
@click.option("--set", "epoch", metavar="EPOCH", help="Let best name this epoch.")
@_arguments.as_json
def command(folder: Path, epoch: str | None, as_json: bool) -> None:
    """Print the path of the checkpoint that best names in the series at DIR, or let it name another one."""
    from candle_spec.series.series import Series

    if epoch is not None:
        with Series.create_or_open(folder) as series:
            series.set_best(series.find(epoch).name)
    entry = Series.read(folder).find("best")
    _arguments.show(_arguments.about(entry), str(entry.path), json_wanted=as_json)
