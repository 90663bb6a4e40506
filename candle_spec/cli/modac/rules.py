"""``candle-spec modac rules show`` and ``candle-spec modac rules import``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from candle_spec.cli.modac.connection import connected, settings_of


@click.group("rules", epilog="Example: candle-spec modac rules import addCollection.json")
def command() -> None:
    """Show or import the metadata rules that are used for checks."""


@command.command("show")
@connected
@click.option("--json", "as_json", is_flag=True, help="Print them in the server's own shape.")
def show(url: str | None, user: str | None, config: Path | None, as_json: bool) -> None:
    """Show the rules: imported ones, else the packaged reconstruction, with what refusals taught."""
    from candle_spec.modac.rules import dump
    from candle_spec.modac.vocabulary import Knowledge

    rules = Knowledge(settings_of(url, user, config).place).rules()
    if as_json:
        click.echo(json.dumps(dump(rules), indent=2, ensure_ascii=False))
        return
    click.echo(rules.title)
    for rule in rules.collection_rules:
        needed = "mandatory" if rule.mandatory else "optional"
        if rule.controller_attribute:
            needed = f"where {rule.controller_attribute}={rule.controller_value}"
        values = " | ".join(rule.valid_values)
        click.echo(f"  {'/'.join(rule.collection_types):<28} {rule.attribute:<26} {needed:<26} {values}".rstrip())


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@connected
def import_rules(file: Path, url: str | None, user: str | None, config: Path | None) -> None:
    """Take over rules from FILE: a rule set of DME, its /dm/model, or MoDaC's /addCollection saved from a browser."""
    from candle_spec.modac.vocabulary import Knowledge

    settings = settings_of(url, user, config)
    rules = Knowledge(settings.place).import_rules(file)
    click.echo(
        f"{len(rules.collection_rules)} rules for {settings.host}, {len(rules.closed())} with a closed vocabulary"
    )
