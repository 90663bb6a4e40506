"""``candle-spec publish --to huggingface``."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from candle_spec.cli import exit_codes, publishing


@click.command("publish", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--repository", required=True, metavar="OWNER/NAME", help="The repository; it is made if need be.")
@click.option("--public", is_flag=True, help="Let everybody see it; else it is private.")
@click.option("--url", default="", help="Address of the service (default: $HF_ENDPOINT, or https://huggingface.co).")
@publishing.options
def command(
    checkpoint: Path,
    repository: str,
    public: bool,
    url: str,
    token_file: Path | None,
    dry_run: bool,
    out: Path | None,
    accept_personal: bool,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Publish CHECKPOINT to Hugging Face: a private repository, one commit, every file read back.

    The token is taken from --token-file, $HF_TOKEN or $HF_TOKEN_FILE and never shown.
    """
    import os

    from candle_spec.modac.settings import checked_url
    from candle_spec.publish import huggingface
    from candle_spec.publish.receipts import Receipt, receipt_path
    from candle_spec.publish.tokens import token_from

    huggingface.checked_repository(repository)
    endpoint = checked_url(url or os.environ.get("HF_ENDPOINT") or huggingface.ENDPOINT)
    with ExitStack() as scratch:
        made = publishing.make(
            checkpoint, huggingface.SERVICE, ("card", "results"), scratch, huggingface.marked, **chosen
        )
        message = f"Publish {made.name} {made.content_digest[:19]}"
        requests = huggingface.requests(repository, made.items, message, public=public)
        ended = publishing.prepared(
            made,
            requests,
            f"{endpoint}/{repository}",
            dry_run=dry_run,
            out=out,
            accept_personal=accept_personal,
            as_json=as_json,
        )
        if ended is not None:
            return ended
        token = token_from("HF_TOKEN", token_file, where="https://huggingface.co/settings/tokens")
        receipt = Receipt(endpoint, repository, content_digest=made.content_digest)
        path = receipt_path(checkpoint.resolve(), huggingface.SERVICE)
        huggingface.Hub(token, endpoint).publish(
            repository,
            made.items,
            receipt,
            message=message,
            public=public,
            keep=lambda: receipt.keep(path, time.time),
            tell=(lambda line: None) if as_json else (lambda line: click.echo(f"  {line}")),
        )
    publishing.show_receipt(receipt, path, as_json=as_json)
    return exit_codes.OK
