"""``candle-spec modac upload``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli.modac.connection import client_of, connected, settings_of
from candle_spec.cli.output.progress import bar


@click.command("upload", epilog="Example: candle-spec modac upload model.h5 JDACS4C/S/uno --set description=weights")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("collection")
@click.option("--as", "name", help="Its name there, instead of its own.")
@click.option("--set", "entries", multiple=True, metavar="ATTRIBUTE=VALUE", help="A metadata entry.")
@connected
def command(
    file: Path,
    collection: str,
    name: str | None,
    entries: tuple[str, ...],
    url: str | None,
    user: str | None,
    config: Path | None,
) -> None:
    """Send FILE into the asset or folder COLLECTION, once, and read back what arrived."""
    from candle_spec.modac.options import metadata_of
    from candle_spec.modac.upload import upload_file

    settings = settings_of(url, user, config)
    path = f"{settings.full_path(collection)}/{name or file.name}"
    with client_of(settings) as client, bar("uploading", file.stat().st_size, quiet=False) as progress:
        sent = upload_file(client, file, path, metadata_of(entries), progress=progress)
    click.echo(f"{sent.status}  {path}  {sent.size} bytes, checksum {sent.match}")
