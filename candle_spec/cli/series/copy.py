"""``candle-spec series copy``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli.output import words
from candle_spec.cli.series import _arguments


@click.command("copy", epilog="Example: candle-spec series copy out/ckpts /archive/uno")
@_arguments.folder
@click.argument("target", type=click.Path(path_type=Path))
@_arguments.as_json
def command(folder: Path, target: Path, as_json: bool) -> None:
    """Copy the series at DIR to the new folder TARGET; files that checkpoints share are shared there, too."""
    from candle_spec.series.series import Series

    copied = Series.read(folder).copy(target)
    text = (
        f"-> {copied.path}    {words.plural(copied.checkpoints, 'checkpoint')}, "
        f"{words.size(copied.written_bytes)} written, {words.size(copied.shared_bytes)} shared"
    )
    document = {
        "path": str(copied.path),
        "checkpoints": copied.checkpoints,
        "written_bytes": copied.written_bytes,
        "shared_bytes": copied.shared_bytes,
    }
    _arguments.show(document, text, json_wanted=as_json)
