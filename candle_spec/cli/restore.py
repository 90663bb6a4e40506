"""``candle-spec restore``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from candle_spec.cli.output import words
from candle_spec.cli.output.progress import bar


@click.command("restore", epilog="Example: candle-spec restore model.pt.candle again.pt")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path), required=False)
@click.option("--rebuild", is_flag=True, help="Make a fresh native file from manifest and weights alone.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(checkpoint: Path, output: Path | None, rebuild: bool, overwrite: bool, as_json: bool) -> None:
    """Bring back the native checkpoint from which CHECKPOINT was made, byte for byte."""
    from candle_spec import pointer
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.conversion.restore import How, restore

    opened = Checkpoint(checkpoint).checked()
    total = sum(file["size"] for file in pointer.get(opened.document, "/conversion/native/files", []))
    with bar("restoring", total, quiet=as_json) as progress:
        how: How = "rebuilt" if rebuild else "byte-exact"
        restored = restore(checkpoint, output, how=how, overwrite=overwrite, progress=progress)
    if as_json:
        rows = [{"path": str(f.path), "size": f.size, "digest": f.digest, "byte_exact": f.byte_exact} for f in restored]
        click.echo(json.dumps({"restored": rows}, indent=2))
        return
    for file in restored:
        proof = "the same bytes as the native file" if file.byte_exact else "a fresh file, not the same bytes"
        click.echo(f"-> {file.path}    {words.size(file.size)}    {proof}\n   {file.digest}")
    pickles = pointer.get(opened.document, "/security/inert_pickle", [])
    foreign = sorted({name for pickle in pickles for name in pickle["unknown_imports"]})
    if foreign and not rebuild:
        click.echo(f"   take care: loading it by its framework imports {', '.join(foreign[:4])}", err=True)
