"""``candle-spec series restore``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli.series import _arguments


@click.command("restore", epilog="Example: candle-spec series restore out/ckpts best model.pt")
@_arguments.folder
@_arguments.epoch
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--rebuild", is_flag=True, help="Make a fresh native file from manifest and weights alone.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@_arguments.as_json
@click.pass_context
def command(
    context: click.Context, folder: Path, epoch: str, output: Path, rebuild: bool, overwrite: bool, as_json: bool
) -> None:
    """Bring back the native checkpoint from which the checkpoint EPOCH of the series at DIR was converted."""
    from candle_spec.cli.restore import command as restore
    from candle_spec.series.series import Series

    path = _arguments.find(Series.read(folder), epoch).path
    context.invoke(restore, checkpoint=path, output=output, rebuild=rebuild, overwrite=overwrite, as_json=as_json)
