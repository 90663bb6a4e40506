"""``candle-spec fetch``: what was published, back into a validated checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from candle_spec.cli.output.progress import audience
from candle_spec.cli.output.publication_words import fetched_lines
from candle_spec.errors import InvalidInputError


class _Fetch(click.Command):
    """A command whose help names the sources that there are."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        formatter.write_text(f"Sources: {', '.join(_forms())}")
        super().format_epilog(ctx, formatter)


@click.command("fetch", cls=_Fetch, epilog="Example: candle-spec fetch huggingface:lab/uno@main uno.candle")
@click.argument("source")
@click.argument("output", type=click.Path(path_type=Path), required=False)
@click.option("--series", is_flag=True, help="All epochs, as a series, where a service has a tag for each.")
@click.option("--url", default="", help="Address of the service, instead of its usual one.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the token, instead of the environment.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def command(source: str, output: Path | None, series: bool, url: str, token_file: Path | None, quiet: bool) -> None:
    """Fetch a checkpoint (or series) from SOURCE, which is a service, a colon, and what is published there.

    Every file is held against its size, checksum and digest, and the whole is validated. A download that broke off
    goes on where it stopped; OUTPUT appears when all is there. What is public needs no token; publish --to SERVICE
    --help says where one is taken from.
    """
    from candle_spec.publish import registry
    from candle_spec.publish.assemble import fetch
    from candle_spec.publish.destination import Access

    service, _, address = source.partition(":")
    destination = registry.find(service) if address else None
    if destination is None:
        raise InvalidInputError(f"{source!r} names no source", hint=f"write one of: {', '.join(_forms())}")
    with destination.published(address, Access(url, token_file, series)) as published:
        fetched = fetch(published, output, audience(quiet=quiet))
    if not quiet:
        click.echo("\n".join(fetched_lines(fetched)))


def _forms() -> Iterator[str]:
    """Yield how each source is written; one that cannot be loaded by its name alone."""
    from candle_spec.publish import registry

    for name in registry.names():
        try:
            destination = registry.find(name)
        except InvalidInputError:
            destination = None
        yield f"{name}:{destination.form if destination else '…'}"
