"""``candle-spec evaluation ls``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from candle_spec.cli.output import words


@click.command("ls", epilog="Example: candle-spec evaluation ls model.candle")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(checkpoint: Path, as_json: bool) -> None:
    """List the values that were measured of CHECKPOINT, and say which of them nobody sealed."""
    from candle_spec.api import load

    opened = load(checkpoint)
    if as_json:
        later = [{"path": str(each.path), **each.document} for each in opened.later_evaluations]
        click.echo(json.dumps({"evaluations": opened.document.get("evaluations", []), "later": later}, indent=2))
        return
    from candle_spec.conversion.summary import summarize_checkpoint

    lines = list(words.evaluation_lines(summarize_checkpoint(opened)))
    click.echo("\n".join(lines) or "nothing was measured")
