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
    """Write the checkpoint EPOCH of the series at DIR as a native file.

    One that was converted comes back byte for byte. One that a training saved is written anew: PyTorch, as torch.save
    writes it; Keras, as OUTPUT says: x.weights.h5 or x.keras; boosters, as their own model file.
    """
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.cli.output.words import size
    from candle_spec.cli.restore import command as restore
    from candle_spec.conversion.native_series.fresh import write_native
    from candle_spec.series.series import Series

    path = Series.read(folder).find(epoch).path
    opened = Checkpoint(path).checked()
    if "conversion" in opened.document:
        context.invoke(restore, checkpoint=path, output=output, rebuild=rebuild, overwrite=overwrite, as_json=as_json)
        return
    made = write_native(opened, output, overwrite=overwrite)
    row = {"path": str(made.path), "size": made.size, "digest": made.digest, "byte_exact": False}
    text = f"-> {made.path}    {size(made.size)}    a fresh file of what the training saved\n   {made.digest}"
    _arguments.show({"restored": [row]}, text, json_wanted=as_json)
