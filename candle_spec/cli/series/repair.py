"""``candle-spec series repair``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.series import _arguments


@click.command("repair", epilog="Example: candle-spec series repair out/ckpts")
@_arguments.folder
@_arguments.as_json
def command(folder: Path, as_json: bool) -> int:
    """Copy damaged files of the series at DIR again from checkpoints that hold the same ones."""
    from candle_spec.series.series import Series

    with Series.create_or_open(folder) as series:
        repaired = series.repair()
        left = series.verify()
    lines = [f"{name}  repaired: {', '.join(files)}" for name, files in repaired.items()]
    lines += [f"{fault.path.name}  {fault}" for fault in left]
    text = "\n".join(lines) or "nothing to repair"
    rows = [{"checkpoint": fault.path.name, "file": fault.file, "message": fault.message} for fault in left]
    _arguments.show({"repaired": repaired, "faults": rows}, text, json_wanted=as_json)
    return exit_codes.FINDINGS if left else exit_codes.OK
