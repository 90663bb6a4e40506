"""``candle-spec inspect``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from candle_spec.cli.output import words
from candle_spec.cli.output.tree import tree_lines


@click.command("inspect", epilog="Example: candle-spec inspect model.pt --all")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--topology", type=click.Path(path_type=Path), help="A separate file with the network's architecture.")
@click.option(
    "--context", type=click.Path(path_type=Path), help="A folder around it that may be read: scores, scalers."
)
@click.option("--all", "whole", is_flag=True, help="Show every tensor.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(path: Path, topology: Path | None, context: Path | None, whole: bool, as_json: bool) -> None:
    """Show what is in the checkpoint PATH, native or common: no weights are read, nothing of it is run."""
    from candle_spec.api import inspect

    summary = inspect(path, topology=topology, context=context)
    if as_json:
        click.echo(json.dumps(summary.to_json(), indent=2))
        return
    lines = [words.title_line(summary), *words.group_lines(summary), *words.meaning_lines(summary)]
    lines += [
        *words.evaluation_lines(summary),
        words.code_line(summary),
        "",
        *tree_lines(summary, fold=not whole),
        *words.use_it_lines(summary),
    ]
    click.echo("\n".join(lines))
