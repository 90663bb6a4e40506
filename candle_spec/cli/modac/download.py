"""``candle-spec modac download``."""

from __future__ import annotations

from pathlib import Path

import click

from candle_spec.cli.modac.connection import client_of, connected, settings_of
from candle_spec.cli.output.progress import audience
from candle_spec.cli.output.publication_words import fetched_lines


@click.command("download", epilog="Example: candle-spec modac download JDACS4C/S/uno uno.candle")
@click.argument("path")
@click.argument("output", type=click.Path(path_type=Path), required=False)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@connected
def command(
    path: str, output: Path | None, quiet: bool, url: str | None, user: str | None, config: Path | None
) -> None:
    """Fetch the asset PATH as a validated checkpoint (or series), or the one file PATH.

    A download that broke off goes on where it stopped; the output appears when all of it is there and verified.
    """
    from candle_spec.modac.fetch import published_at
    from candle_spec.publish.assemble import fetch

    settings = settings_of(url, user, config)
    with client_of(settings) as client:
        fetched = fetch(published_at(client, settings.full_path(path)), output, audience(quiet=quiet))
    if not quiet:
        click.echo("\n".join(fetched_lines(fetched)))
