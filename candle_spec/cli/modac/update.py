"""``candle-spec modac update``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli.modac.connection import client_of, connected, settings_of
from candle_spec.errors import InvalidInputError, MissingPathError


@click.command("update", epilog="Example: candle-spec modac update JDACS4C/S/uno --set asset_name='Uno 2'")
@click.argument("path")
@click.option("--set", "entries", multiple=True, metavar="ATTRIBUTE=VALUE", help="A new value; empty removes it.")
@connected
def command(path: str, entries: tuple[str, ...], url: str | None, user: str | None, config: Path | None) -> None:
    """Change metadata of the collection or file PATH; what is not named stays."""
    from candle_spec.modac.metadata import entry_list
    from candle_spec.modac.options import metadata_of

    settings = settings_of(url, user, config)
    where, values = settings.full_path(path), metadata_of(entries)
    if not values:
        raise InvalidInputError("nothing is to be changed", hint="add --set ATTRIBUTE=VALUE")
    with client_of(settings) as client:
        if client.collection(where) is not None:
            client.put_collection(where, values)
        elif client.file(where) is not None:
            client.put_file(where, {"metadataEntries": entry_list(values)}, None)
        else:
            raise MissingPathError("there is no such collection or file", location=where)
    click.echo(f"updated  {where}")
