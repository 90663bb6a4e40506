"""Publish to Zenodo by its REST API: a draft deposit with its files, verified by their checksums, never published here.

Steps (https://developers.zenodo.org/): create the deposit with its metadata, PUT each file to its bucket, read the list
of files back. Publishing cannot be undone and is left to a person on the api page.

A series is one deposit: a deposit has no folders, so that ``epochs/001/model.safetensors`` is named
``epochs__001__model.safetensors``; ``best.txt`` and ``last.txt`` name an epoch. Nothing is zipped: every file keeps its
checksum and can be fetched, and resumed, alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

from candle_spec.errors import InvalidInputError, LimitExceededError, ProofFailedError, ServiceError
from candle_spec.publish.bundle import Item
from candle_spec.publish.receipts import Receipt
from candle_spec.remote.json_api import JsonApi
from candle_spec.remote.names import flat_names
from candle_spec.series.outline import EPOCHS

ENDPOINT: Final = "https://zenodo.org"
MOST_FILES: Final = 100
MOST_BYTES: Final = 50_000_000_000
"""Of one deposit (https://help.zenodo.org/docs/deposit/manage-files/)."""

_FEWER: Final = (
    "publish its best checkpoint alone (SERIES/best), or a copy with fewer epochs: candle-spec series copy, then "
    "series prune; Hugging Face and MoDaC take the whole"
)
_DEPOSITS: Final = "/api/deposit/depositions"


def tokens_at(endpoint: str) -> str:
    """Return the page on which tokens are made."""
    return f"{endpoint}/account/settings/applications"


def named(items: Sequence[Item]) -> dict[str, Item]:
    """Return the files by their names in a deposit, which has no folders: ``/`` becomes ``__``."""
    names = flat_names(item.path for item in items)
    return {names[item.path]: item for item in items}


def requests(deposit: Mapping[str, Any], items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return the requests in order as they will be sent; ``{bucket}`` is what the first one's answer names."""
    files = [
        {"method": "PUT", "path": f"{{bucket}}/{quote(name)}", "file": item.path, "size": item.size, "md5": item.md5}
        for name, item in named(items).items()
    ]
    return [{"method": "POST", "path": _DEPOSITS, "body": deposit}, *files]


def refuse_over_limits(items: Sequence[Item]) -> None:
    """Refuse what Zenodo would not take, before anything is sent.

    Raises:
        LimitExceededError: Too many files, or too many bytes.
    """
    total = sum(item.size for item in items)
    series = any(item.path.startswith(f"{EPOCHS}/") for item in items)
    hint = _FEWER if series else "candle-spec reshard CKPT OUT with a larger --shard-size makes fewer files"
    if len(items) > MOST_FILES:
        raise LimitExceededError(f"{len(items)} files are more than the {MOST_FILES} of a deposit", hint=hint)
    if total > MOST_BYTES:
        raise LimitExceededError(
            f"{total} bytes are more than the {MOST_BYTES} of a deposit",
            hint=_FEWER if series else "Zenodo grants more on request: https://zenodo.org/support",
        )


class Deposits:
    """The deposits of one user."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def publish(
        self,
        deposit: Mapping[str, Any],
        items: Sequence[Item],
        receipt: Receipt,
        *,
        keep: Callable[[], None] = lambda: None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Make a draft deposit, or go on with the one of the receipt, and verify every file.

        Raises:
            InvalidInputError: The deposit of the receipt was published in the meantime.
            LimitExceededError: See :func:`refuse_over_limits`.
            ProofFailedError: What arrived is not what was sent.
            ServiceError: The service cannot be reached or is out of order.
            ServiceRefusedError: It refuses, with its own words for each field.
        """
        refuse_over_limits(items)
        draft = self._draft(deposit, receipt.repository)
        receipt.repository = str(draft["id"])
        receipt.page = str(_links(draft).get("html", ""))
        keep()
        bucket = self._bucket(draft)
        there = self._files(receipt.repository)
        for name, item in named(items).items():
            if there.get(name) == (item.size, item.md5):
                tell(f"{'present':<8} {name}")
            else:
                self._send(bucket, name, item)
                tell(f"{'sent':<8} {name}")
            receipt.files.append({"path": name, "source": item.path, "size": item.size, "md5": item.md5})
            keep()
        self._prove(receipt, named(items))
        receipt.state = "complete"
        keep()

    def _draft(self, deposit: Mapping[str, Any], number: str) -> dict[str, Any]:
        if number:
            found = self._api.json("GET", f"{_DEPOSITS}/{number}", missing_ok=True)
            if found is not None:
                if found.get("submitted"):
                    hint = "a published deposit cannot be changed: make a new version of it on its page"
                    raise InvalidInputError("this deposit was published", location=number, hint=hint)
                return self._checked(self._api.json("PUT", f"{_DEPOSITS}/{number}", body=deposit))
        return self._checked(self._api.json("POST", _DEPOSITS, body=deposit, repeat=False))

    def _checked(self, draft: Any) -> dict[str, Any]:
        if not isinstance(draft, dict) or not isinstance(draft.get("id"), (int, str)) or not _links(draft):
            raise ServiceError("the service answered a deposit with something else", location=self._api.host)
        return draft

    def _bucket(self, draft: Mapping[str, Any]) -> str:
        """Return the path of the bucket, which must be at the very service: the token goes along."""
        parts, own = urlsplit(str(_links(draft).get("bucket", ""))), urlsplit(self._api.url)
        if (parts.scheme, parts.netloc) != (own.scheme, own.netloc) or not parts.path:
            raise ServiceError(
                f"the service wants the files at {parts.hostname or 'no place'}: no token goes there",
                location=self._api.host,
            )
        return parts.path

    def _files(self, number: str) -> dict[str, tuple[int, str]]:
        rows = self._api.json("GET", f"{_DEPOSITS}/{number}/files")
        try:
            return {
                str(row["filename"]): (int(row["filesize"]), str(row["checksum"]).removeprefix("md5:")) for row in rows
            }
        except (KeyError, TypeError, ValueError) as error:
            raise ServiceError("the service answered with something that is no list of files") from error

    def _send(self, bucket: str, name: str, item: Item) -> None:
        answer = self._api.json("PUT", f"{bucket}/{quote(name)}", content=item)
        stated = str(answer.get("checksum", "")).removeprefix("md5:") if isinstance(answer, dict) else ""
        if stated != item.md5:
            raise ProofFailedError(f"what arrived is not what was sent: its checksum is {stated!r}", location=name)

    def _prove(self, receipt: Receipt, wanted: Mapping[str, Item]) -> None:
        there = self._files(receipt.repository)
        for name, item in wanted.items():
            if there.get(name) != (item.size, item.md5):
                raise ProofFailedError("the deposit does not have the file as it was sent", location=name)


def _links(draft: Mapping[str, Any]) -> Mapping[str, Any]:
    links = draft.get("links")
    return links if isinstance(links, dict) else {}
