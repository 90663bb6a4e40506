"""``candle-spec modac register``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.modac.connection import client_of, connected, settings_of


@click.command("register", epilog="Example: candle-spec modac register JDACS4C/S --set collection_type=Study …")
@click.argument("path")
@click.option("--set", "entries", multiple=True, metavar="ATTRIBUTE=VALUE", help="A metadata entry.")
@click.option("--metadata", type=click.Path(path_type=Path), help="A JSON file with metadata.")
@connected
def command(
    path: str, entries: tuple[str, ...], metadata: Path | None, url: str | None, user: str | None, config: Path | None
) -> int:
    """Create the program, study, asset or folder PATH. It is checked by the rules that are known before it is sent."""
    from candle_spec.modac.metadata import check_collection, entry_list
    from candle_spec.modac.options import metadata_of
    from candle_spec.modac.vocabulary import Knowledge

    settings = settings_of(url, user, config)
    where, values = settings.full_path(path), metadata_of(entries, metadata)
    faults = check_collection(entry_list(values), Knowledge(settings.place).rules(), path=where).faults
    for fault in faults:
        click.echo(f"{where}: {fault.message}", err=True)
    if faults:
        return exit_codes.FINDINGS
    with client_of(settings) as client:
        created = client.put_collection(where, values)
    click.echo(f"{'created' if created else 'updated'}  {where}")
    return exit_codes.OK
