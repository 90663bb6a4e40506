"""What is sent to Hugging Face, as data: names, the card, and the bodies of the requests in order.

Endpoints: https://huggingface.co/docs/hub/api and ``huggingface_hub`` itself (create, preupload, commit, tag).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from candle_spec.checkpoint.layout import README_MARK
from candle_spec.errors import InvalidInputError
from candle_spec.publish.bundle import Item
from candle_spec.remote.addresses import checked_url

EPOCH_TAG: Final = "epoch-"
"""Before the number of an epoch in the name of its tag."""

ENDPOINT: Final = "https://huggingface.co"
TOKENS: Final = f"{ENDPOINT}/settings/tokens"
"""Page on which tokens are made."""

_SAMPLE: Final = 512


def endpoint_from(url: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the address of the service: the one that is given, or that of the environment, or its own.

    Raises:
        InvalidInputError: It is none.
    """
    return checked_url(url or environ.get("HF_ENDPOINT") or ENDPOINT, usual=ENDPOINT)


def marked(record: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the record's files with the card marked as generated: beside a manifest, it is then no foreign file."""
    files = dict(record)
    card = files.get("README.md")
    if card is not None:
        head, line, body = card.partition(b"\n---\n")
        files["README.md"] = head + line + b"\n" + README_MARK + b"\n" + body if line else README_MARK + b"\n" + card
    return files


def requests(repository: str, items: Sequence[Item], message: str, *, public: bool = False) -> list[dict[str, Any]]:
    """Return the bodies of the requests, in order, as they will be sent.

    Which files go through LFS the service says in its answer to the second one; the commit is shown with all of them
    as it names large files, by SHA-256 and size.
    """
    return [_creation(repository, public=public), *_one_commit(repository, items, message)]


def series_requests(
    repository: str, epochs: Mapping[str, Sequence[Item]], pointers: Mapping[str, str], *, public: bool = False
) -> list[dict[str, Any]]:
    """Return the bodies of the requests that publish a series, in order, as :func:`requests` does.

    ``{commit}`` is what the answer to the commit before names. What is there already is left out of the real ones.
    """
    tag_path = f"/api/models/{repository}/tag"
    made = [_creation(repository, public=public)]
    for tag, items in epochs.items():
        made += _one_commit(repository, items, f"Publish {tag}")
        made.append({"method": "POST", "path": f"{tag_path}/{{commit}}", "body": {"tag": tag}})
    for name, tag in pointers.items():
        made.append({"method": "POST", "path": f"{tag_path}/{{commit of {tag}}}", "body": {"tag": name}})
    return made


def _creation(repository: str, *, public: bool) -> dict[str, Any]:
    owner, name = repository.split("/")
    visibility = "public" if public else "private"
    body = {"name": name, "organization": owner, "visibility": visibility, "type": "model"}
    return {"method": "POST", "path": "/api/repos/create", "body": body}


def _one_commit(repository: str, items: Sequence[Item], message: str) -> list[dict[str, Any]]:
    samples = [
        {"path": item.path, "sample": base64.b64encode(_sample(item)).decode("ascii"), "size": item.size}
        for item in items
    ]
    header = {"key": "header", "value": {"summary": message, "description": ""}}
    files = [
        {"key": "lfsFile", "value": {"path": item.path, "algo": "sha256", "oid": item.sha256, "size": item.size}}
        for item in items
    ]
    return [
        {"method": "POST", "path": f"/api/models/{repository}/preupload/main", "body": {"files": samples}},
        {"method": "POST", "path": f"/api/models/{repository}/commit/main", "body": [header, *files]},
    ]


def _sample(item: Item) -> bytes:
    return next(item.blocks(), b"")[:_SAMPLE]


def checked_repository(repository: str) -> str:
    """Return the name of a repository.

    Raises:
        InvalidInputError: It is not ``owner/name``.
    """
    owner, slash, name = repository.partition("/")
    if not slash or not owner or not name or "/" in name:
        raise InvalidInputError(f"{repository!r} is no repository", hint="--repository OWNER/NAME")
    return repository
