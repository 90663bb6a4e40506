"""``candle-spec modac query``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.modac.connection import client_of, connected, settings_of
from candle_spec.errors import InvalidInputError

_OPERATORS: Final = {
    "=": "EQUAL",
    "!=": "NOT_EQUAL",
    "~": "LIKE",
    "<": "NUM_LESS_THAN",
    "<=": "NUM_LESS_OR_EQUAL",
    ">": "NUM_GREATER_THAN",
    ">=": "NUM_GREATER_OR_EQUAL",
}
_CONDITION: Final = re.compile(r"([^=!~<>]{1,200})(!=|<=|>=|=|~|<|>)(.{0,2700})", re.DOTALL)


@click.command("query", epilog="Example: candle-spec modac query asset_type=Model 'asset_name~%tumor%'")
@click.argument("conditions", nargs=-1, required=True)
@click.option("--files", is_flag=True, help="Search files instead of assets.")
@click.option("--any", "any_of", is_flag=True, help="One condition is enough.")
@connected
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    conditions: tuple[str, ...],
    files: bool,
    any_of: bool,
    url: str | None,
    user: str | None,
    config: Path | None,
    as_json: bool,
) -> int:
    """Search by CONDITIONS: ATTRIBUTE=VALUE, !=, ~ (with % and _, any case), <, <=, >, >=; * is any attribute.

    What is public needs no login. New registrations show up with a delay.
    """
    query = {"operator": "OR" if any_of else "AND", "queries": [_condition(one) for one in conditions]}
    with client_of(settings_of(url, user, config)) as client:
        hits = list(client.query(query, kind="dataObject" if files else "collection"))
    if as_json:
        click.echo(json.dumps([{"path": hit.path, "metadata": dict(hit.metadata)} for hit in hits], indent=2))
    for hit in () if as_json else hits:
        click.echo(f"{hit.path}  {hit.metadata.get('asset_name', '')}".rstrip())
    if not hits:
        click.echo("no hits, or none that you may see", err=True)
    return exit_codes.OK if hits else exit_codes.USAGE


def _condition(text: str) -> dict[str, Any]:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"{text!r} is no condition", hint="such as asset_type=Model or 'asset_name~%tumor%'")
    simple: dict[str, Any] = {"value": match[3], "operator": _OPERATORS[match[2]]}
    name = match[1].strip()
    return {**simple, "attributeMatch": "ANY"} if name == "*" else {**simple, "attribute": name}
