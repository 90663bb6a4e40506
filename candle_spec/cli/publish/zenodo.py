"""``candle-spec publish --to zenodo``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.publish import common as publishing


@click.command("publish", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--url", default="https://zenodo.org", show_default=True, help="Or https://sandbox.zenodo.org.")
@publishing.options
def command(
    checkpoint: Path,
    url: str,
    token_file: Path | None,
    dry_run: bool,
    out: Path | None,
    accept_personal: bool,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Publish CHECKPOINT (or a series) to Zenodo: a draft deposit, every file verified.

    Publishing the draft is left to you, on its page; a series is one deposit with flat names (epochs__001__…).
    The token is taken from --token-file, $ZENODO_TOKEN or $ZENODO_TOKEN_FILE and never shown. A second run goes on with
    the deposit that the receipt names.
    """
    from candle_spec.publish import zenodo
    from candle_spec.publish.receipts import Receipt, read_receipt, receipt_path
    from candle_spec.remote.addresses import checked_url
    from candle_spec.remote.json_api import JsonApi
    from candle_spec.remote.tokens import token_from
    from candle_spec.series.outline import is_series

    endpoint = checked_url(url, usual=zenodo.ENDPOINT)
    with ExitStack() as scratch:
        what = checkpoint, zenodo.SERVICE, ("deposit",), scratch, _no_files
        if is_series(checkpoint):
            made = publishing.joined(checkpoint, publishing.make_series(*what, **chosen))
        else:
            made = publishing.make(*what, **chosen)
        zenodo.refuse_over_limits(made.items)
        deposit = made.documents.get("deposit", {})
        requests = zenodo.requests(deposit, made.items)
        ended = publishing.prepared(
            made, requests, endpoint, dry_run=dry_run, out=out, accept_personal=accept_personal, as_json=as_json
        )
        if ended is not None:
            return ended
        token = token_from("ZENODO_TOKEN", token_file, where=f"{endpoint}/account/settings/applications")
        path = receipt_path(checkpoint.resolve(), zenodo.SERVICE)
        before = read_receipt(path)
        known = before.repository if before and before.service == endpoint else ""
        receipt = Receipt(endpoint, known, content_digest=made.content_digest, checkpoints=made.checkpoints)
        with JsonApi(endpoint, token, extra="zenodo") as api:
            zenodo.Zenodo(api).publish(
                deposit,
                made.items,
                receipt,
                keep=lambda: receipt.keep(path, time.time),
                tell=(lambda line: None) if as_json else (lambda line: click.echo(f"  {line}")),
            )
    publishing.show_receipt(receipt, path, as_json=as_json)
    return exit_codes.OK


def _no_files(record: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """The record is sent as metadata, not as files."""
    return {}
