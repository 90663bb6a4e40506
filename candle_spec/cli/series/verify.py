"""``candle-spec series verify``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output import words
from candle_spec.cli.series import _arguments


@click.command("verify", epilog="Example: candle-spec series verify out/ckpts")
@_arguments.folder
@click.argument("epoch", required=False)
@_arguments.as_json
def command(folder: Path, epoch: str | None, as_json: bool) -> int:
    """Verify every byte of the series at DIR, or of one checkpoint of it; a shared file is read once."""
    from candle_spec.series.series import Series

    series = Series.read(folder)
    faults = series.verify(_arguments.name_of(epoch) if epoch else None)
    rows = [{"checkpoint": fault.path.name, "file": fault.file, "message": fault.message} for fault in faults]
    lines = [f"{fault.path.name}  {fault}" for fault in faults]
    checked = 1 if epoch else len(series.entries())
    damaged = len({fault.path for fault in faults})
    lines.append(f"{words.plural(checked, 'checkpoint')}, {f'{damaged} damaged' if damaged else 'all sound'}")
    if faults:
        lines.append("-> candle-spec series repair copies damaged files again, where another checkpoint holds them")
    _arguments.show({"checked": checked, "faults": rows}, "\n".join(lines), json_wanted=as_json)
    return exit_codes.FINDINGS if faults else exit_codes.OK
