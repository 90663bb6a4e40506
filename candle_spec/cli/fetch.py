"""``candle-spec fetch``: what was published, back into a validated checkpoint."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.publish.fetch import Published
    from candle_spec.remote.addresses import Secret

_FORMS: Final = "huggingface:OWNER/NAME[@REVISION], zenodo:NUMBER or modac:PATH"


@click.command("fetch", epilog="Example: candle-spec fetch huggingface:lab/uno@main uno.candle")
@click.argument("source")
@click.argument("output", type=click.Path(path_type=Path), required=False)
@click.option("--series", is_flag=True, help="Of Hugging Face: all epochs that are tagged, as a series.")
@click.option("--url", default="", help="Address of the service (default: $HF_ENDPOINT, or the public one).")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the token, instead of the environment.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def command(source: str, output: Path | None, series: bool, url: str, token_file: Path | None, quiet: bool) -> Any:
    """Fetch a checkpoint (or series) from SOURCE: huggingface:OWNER/NAME[@REVISION], zenodo:NUMBER or modac:PATH.

    Every file is held against its size, checksum and digest, and the whole is validated. A download that broke off
    goes on where it stopped; OUTPUT appears when all is there. A token ($HF_TOKEN, $ZENODO_TOKEN) is needed only for
    what is not public.
    """
    service, colon, name = source.partition(":")
    if not colon or not name or service not in ("huggingface", "zenodo", "modac"):
        raise InvalidInputError(f"{source!r} names no source", hint=f"write {_FORMS}")
    if series and service != "huggingface":
        raise InvalidInputError("--series is for Hugging Face; elsewhere a series is found by itself")
    if service == "modac":
        return _modac(name, output, url, quiet)
    from candle_spec.publish.assemble import assemble
    from candle_spec.validation import verdict

    with ExitStack() as stack:
        if service == "zenodo":
            published, named = _zenodo(stack, name, url, token_file)
        else:
            published, named = _hugging_face(stack, name, url, token_file, series=series)
        received = assemble(
            published.parts,
            published.pointers,
            output or Path(named),
            tell=(lambda line: None) if quiet else (lambda line: click.echo(f"  {line}")),
        )
    if not quiet:
        click.echo("\n".join([f"-> {received.path}", *(f"   {verdict(report)}" for report in received.reports)]))
    return 0


def _modac(path: str, output: Path | None, url: str, quiet: bool) -> Any:
    from candle_spec.cli.modac.download import command as download

    words = [path, *([str(output)] if output else []), *(["--url", url] if url else []), *(["-q"] if quiet else [])]
    return download.main(words, prog_name="candle-spec fetch", standalone_mode=False)


def _hugging_face(
    stack: ExitStack, name: str, url: str, token_file: Path | None, *, series: bool
) -> tuple[Published, str]:
    from candle_spec.publish.fetch import hugging_face
    from candle_spec.publish.huggingface import ENDPOINT, checked_repository
    from candle_spec.remote.addresses import checked_url
    from candle_spec.remote.json_api import JsonApi

    repository, at, revision = name.partition("@")
    checked_repository(repository)
    if at and (series or not revision):
        raise InvalidInputError("--series takes all epochs, not one revision" if series else "no revision is named")
    endpoint = checked_url(url or os.environ.get("HF_ENDPOINT") or ENDPOINT, usual=ENDPOINT)
    token = _token("HF_TOKEN", token_file, "https://huggingface.co/settings/tokens")
    api = stack.enter_context(JsonApi(endpoint, token, extra="huggingface"))
    return hugging_face(api, repository, revision or "main", series=series), f"{repository.rpartition('/')[2]}.candle"


def _zenodo(stack: ExitStack, name: str, url: str, token_file: Path | None) -> tuple[Published, str]:
    from candle_spec.publish.fetch import zenodo, zenodo_number
    from candle_spec.publish.zenodo import ENDPOINT
    from candle_spec.remote.addresses import checked_url
    from candle_spec.remote.json_api import JsonApi

    number = zenodo_number(name)
    endpoint = checked_url(url or ENDPOINT, usual=ENDPOINT)
    token = _token("ZENODO_TOKEN", token_file, f"{endpoint}/account/settings/applications")
    api = stack.enter_context(JsonApi(endpoint, token, extra="zenodo"))
    return zenodo(api, number), f"zenodo-{number}.candle"


def _token(variable: str, file: Path | None, where: str) -> Secret | None:
    """Return the token where one is given; what is public needs none."""
    from candle_spec.remote.tokens import token_from

    if file is None and not (os.environ.get(variable) or os.environ.get(f"{variable}_FILE")):
        return None
    return token_from(variable, file, where=where)
