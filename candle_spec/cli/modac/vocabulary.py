"""``candle-spec modac vocabulary show`` and ``candle-spec modac vocabulary update``."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import click

from candle_spec.cli.modac.connection import client_of, connected, settings_of


@click.group("vocabulary", epilog="Example: candle-spec modac vocabulary update")
def command() -> None:
    """Show or update which values attributes may have: closed, observed, or unknown; none is guessed."""


@command.command("show")
@click.argument("attributes", nargs=-1)
@connected
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def show(attributes: tuple[str, ...], url: str | None, user: str | None, config: Path | None, as_json: bool) -> None:
    """Show what is known of ATTRIBUTES."""
    from candle_spec.modac.vocabulary import WATCHED, Knowledge

    knowledge = Knowledge(settings_of(url, user, config).place)
    names = attributes or tuple(dict.fromkeys((*knowledge.rules().closed(), *WATCHED)))
    found = {name: knowledge.vocabulary(name) for name in names}
    if as_json:
        click.echo(json.dumps({name: asdict(one) for name, one in found.items()}, indent=2))
        return
    for name, one in found.items():
        about = f"{one.source} {one.date}".strip()
        click.echo(f"{name:<26} {one.state:<9} {' | '.join(one.values)}" + (f"  ({about})" if about else ""))


@command.command("update")
@connected
def update(url: str | None, user: str | None, config: Path | None) -> None:
    """Count the values in use among public model assets; nobody is logged in for it."""
    from candle_spec.modac.vocabulary import Knowledge

    settings = settings_of(url, user, config)
    with client_of(settings, nobody=True) as client:
        found = Knowledge(settings.place).observe(client, time.time())
    for name, one in found.items():
        click.echo(f"{name:<26} {', '.join(f'{value} ({one.counts[value]})' for value in one.values)}")
    if not found:
        click.echo("no public model asset was found", err=True)
