"""``candle-spec publish --to huggingface``."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.publish import common as publishing


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
    """Publish CHECKPOINT (or a series) to Hugging Face: a private repository, every file read back.

    A series is one repository with a commit and a tag for each epoch (epoch-003); main shows the best one.

    The token is taken from --token-file, $HF_TOKEN or $HF_TOKEN_FILE and never shown.
    """
    import os

    from candle_spec.publish import huggingface
    from candle_spec.publish.fetch import EPOCH_TAG
    from candle_spec.publish.receipts import Receipt, receipt_path
    from candle_spec.remote.addresses import checked_url
    from candle_spec.remote.tokens import token_from
    from candle_spec.series.outline import is_series

    huggingface.checked_repository(repository)
    endpoint = checked_url(url or os.environ.get("HF_ENDPOINT") or huggingface.ENDPOINT, usual=huggingface.ENDPOINT)
    with ExitStack() as scratch:
        what = checkpoint, huggingface.SERVICE, ("card", "results"), scratch, huggingface.marked
        epochs: dict[str, publishing.Made] = {}
        if is_series(checkpoint):
            epochs = publishing.make_series(*what, **chosen)
            made = publishing.joined(checkpoint, epochs)
        else:
            made = publishing.make(*what, **chosen)
        tags = {f"{EPOCH_TAG}{name}": one.items for name, one in epochs.items()}
        named = {name: EPOCH_TAG + value.rpartition("/")[2] for name, value in _pointers(checkpoint, epochs).items()}
        message = f"Publish {made.name} {made.content_digest[:19]}"
        requests = (
            huggingface.series_requests(repository, tags, named, public=public)
            if epochs
            else huggingface.requests(repository, made.items, message, public=public)
        )
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
        receipt = Receipt(endpoint, repository, content_digest=made.content_digest, checkpoints=made.checkpoints)
        path = receipt_path(checkpoint.resolve(), huggingface.SERVICE)
        hub = huggingface.Hub(token, endpoint)
        shared: dict[str, Any] = {
            "public": public,
            "keep": lambda: receipt.keep(path, time.time),
            "tell": (lambda line: None) if as_json else (lambda line: click.echo(f"  {line}")),
        }
        if epochs:
            hub.publish_series(repository, tags, named, receipt, **shared)
        else:
            hub.publish(repository, made.items, receipt, message=message, **shared)
    publishing.show_receipt(receipt, path, as_json=as_json)
    return exit_codes.OK


def _pointers(series: Path, epochs: Collection[str]) -> dict[str, str]:
    """What ``best`` and ``last`` name, where they name an epoch that is there."""
    from candle_spec.series.outline import pointers_of

    found = pointers_of(series) if epochs else {}
    return {name: value for name, value in found.items() if value.rpartition("/")[2] in epochs}
