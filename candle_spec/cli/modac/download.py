"""``candle-spec modac download``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_spec.cli.modac.connection import client_of, connected, full_path, settings_of
from candle_spec.cli.output.progress import bar

if TYPE_CHECKING:
    from candle_spec.problems import Report


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
    from candle_spec.modac.download import download_file
    from candle_spec.modac.receive import receive

    settings = settings_of(url, user, config)
    where = full_path(path, settings)
    name = where.rpartition("/")[2]
    with client_of(settings) as client:
        if client.collection(where) is None:
            found = client.file(where)
            size = found.size or 0 if found else 0
            with bar("downloading", size, quiet=quiet) as progress:
                fetched = download_file(client, where, output or Path(name), progress=progress)
            line = f"-> {fetched.path}    {fetched.size} bytes, checksum {fetched.match}"
        else:
            received = receive(client, where, output or Path(f"{name}.candle"), tell=_teller(quiet))
            line = f"-> {received.path}\n" + "\n".join(_verdicts(received.reports))
    if not quiet:
        click.echo(line)


def _teller(quiet: bool) -> Callable[[str], None]:
    return (lambda line: None) if quiet else (lambda line: click.echo(f"  {line}"))


def _verdicts(reports: Sequence[Report]) -> list[str]:
    from candle_spec.validation import verdict

    return [f"   {verdict(report)}" for report in reports]
