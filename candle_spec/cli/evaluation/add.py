"""``candle-spec evaluation add``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from candle_spec.errors import InvalidInputError

_FIELDS = ("target", "dataset", "split", "slice", "date", "source")


@click.command(
    "add", epilog="Example: candle-spec evaluation add model.candle --metric auc-roc --value 0.87 --dataset TCGA"
)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--metric", help="Name of the metric, as schemas/vocabularies/metrics.json has it, or one's own.")
@click.option("--value", type=float, help="The value.")
@click.option(
    "--direction", type=click.Choice(["maximize", "minimize"]), help="Of a metric of your own: what is better."
)
@click.option("--target", help="What was predicted.")
@click.option("--dataset", help="Name of the data.")
@click.option("--split", help="Which part of the data.")
@click.option("--slice", help="Which subgroup.")
@click.option("--n", type=click.IntRange(0), help="Number of samples.")
@click.option("--date", help="When it was measured.")
@click.option("--source", help="Where the value is from.")
@click.option("--creator", "creators", multiple=True, metavar="NAME", help="Who measured; may be given again.")
@click.option("--description", default="", help="How it was measured.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    checkpoint: Path,
    file: Path | None,
    metric: str | None,
    value: float | None,
    direction: str | None,
    n: int | None,
    creators: tuple[str, ...],
    description: str,
    as_json: bool,
    **fields: str | None,
) -> None:
    """Put measured values beside the manifest of CHECKPOINT, as evaluations/<n>.json: one by options, or those of FILE.

    The manifest stays as it is, sealed and signed or not: it does not cover them. FILE is JSON or YAML: a list of
    evaluations as a manifest has them, or an object with such a list under "evaluations".
    """
    from candle_spec.api import add_evaluation

    if (file is None) == (metric is None) or (metric is None) != (value is None):
        raise click.UsageError("Which values? FILE, or --metric with --value.")
    if file is not None:
        rows = _rows(file)
    elif metric is not None and value is not None:
        rows = [_row(metric, value, direction, {**{name: fields[name] for name in _FIELDS}, "n": n})]
    added = add_evaluation(checkpoint, rows, creators=[{"name": name} for name in creators], description=description)
    if as_json:
        click.echo(json.dumps({"path": str(added), "evaluations": rows}, indent=2))
    else:
        click.echo(f"{added}    not covered by the seal or a signature of the manifest")


def _rows(file: Path) -> list[dict[str, Any]]:
    """Return the evaluations of a file."""
    from candle_spec.manifest import load_document

    if not file.is_file():
        raise InvalidInputError("there is no such file", location=str(file))
    document = load_document(file).value
    rows = document.get("evaluations") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        hint = "a list of evaluations as a manifest has them: candle-spec schema show evaluation"
        raise InvalidInputError("it holds no evaluations", location=str(file), hint=hint)
    return rows


def _row(metric: str, value: float, direction: str | None, about: dict[str, Any]) -> dict[str, Any]:
    from candle_spec import resources
    from candle_spec.canonical import tag_number

    terms = {term["id"]: term for term in resources.read_json("vocabularies/metrics.json")["terms"]}
    better = direction or terms.get(metric, {}).get("direction")
    if not better:
        raise InvalidInputError(f"{metric!r} is a metric of your own: say what is better", hint="--direction maximize")
    row = {"metric": {"id": metric, "direction": better}, "value": tag_number(value)}
    return row | {name: told for name, told in about.items() if told is not None}
