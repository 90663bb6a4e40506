"""``candle-spec seal``."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("seal", epilog="Example: candle-spec seal model.pt.candle")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--file-digests", is_flag=True, help="State a digest of each weights file as a whole first.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(checkpoint: Path, file_digests: bool, as_json: bool) -> None:
    """Validate CHECKPOINT and write the digest of its manifest into it: any later change of it shows."""
    from candle_spec.api import seal

    digest = seal(checkpoint, file_digests=file_digests)
    click.echo(json.dumps({"path": str(checkpoint), "manifest_digest": digest}) if as_json else f"sealed: {digest}")
