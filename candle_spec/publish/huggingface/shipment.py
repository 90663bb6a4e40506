"""What goes to Hugging Face: one commit, or one for each epoch of a series."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from candle_spec.publish.bundle import Item
from candle_spec.publish.destination import Audience, Sent
from candle_spec.publish.draft import Draft, Form, drafted
from candle_spec.publish.huggingface.delivery import deliver, deliver_series
from candle_spec.publish.huggingface.repository import Repository
from candle_spec.publish.huggingface.requests import (
    EPOCH_TAG,
    TOKENS,
    checked_repository,
    endpoint_from,
    marked,
    requests,
    series_requests,
)
from candle_spec.publish.receipts import Receipt, keep, receipt_path
from candle_spec.publish.shipment import Files
from candle_spec.publish.sources import Selection
from candle_spec.remote.tokens import token_from
from candle_spec.series.outline import pointers_of

SERVICE: Final = "huggingface"
_FORM: Final = Form(SERVICE, ("card", "results"), marked)


@contextmanager
def prepared(selection: Selection, values: Mapping[str, Any], audience: Audience) -> Iterator[HubShipment]:
    """Make everything that would be sent.

    Args:
        selection: What is published.
        values: The options of the destination, each of them.
        audience: Who is told; there is nothing to tell.

    Raises:
        InvalidInputError: The repository or the address is none, or the checkpoint has errors.
    """
    repository, public = checked_repository(values["repository"]), bool(values["public"])
    endpoint = endpoint_from(values["url"])
    with ExitStack() as scratch:
        draft = drafted(selection, _FORM, scratch)
        message = f"Publish {draft.name} {draft.content_digest[:19]}"
        tags = {f"{EPOCH_TAG}{name}": epoch.items for name, epoch in draft.epochs.items()}
        pointers = _pointers(selection.named, draft)
        yield HubShipment(
            draft=draft,
            place=f"{endpoint}/{repository}",
            requests=series_requests(repository, tags, pointers, public=public)
            if tags
            else requests(repository, draft.items, message, public=public),
            accept_personal=values["accept_personal"],
            out=values["out"],
            source=selection.named,
            endpoint=endpoint,
            repository=repository,
            public=public,
            message=message,
            tags=tags,
            pointers=pointers,
            token_file=values["token_file"],
        )


def _pointers(source: Path, draft: Draft) -> dict[str, str]:
    """Return the tags that ``best`` and ``last`` name, where they name an epoch that is there."""
    found = pointers_of(source) if draft.epochs else {}
    named = {name: value.rpartition("/")[2] for name, value in found.items()}
    return {name: EPOCH_TAG + epoch for name, epoch in named.items() if epoch in draft.epochs}


@dataclass(frozen=True)
class HubShipment(Files):
    """Files for one repository.

    Attributes:
        source: The checkpoint or the series.
        endpoint: Address of the service.
        repository: ``owner/name``.
        public: Whether everybody may see it.
        message: Of the commit of a single checkpoint.
        tags: Of a series, the files of each epoch by its tag.
        pointers: Tags that name an epoch by another one's name.
        token_file: File with the token.
    """

    source: Path
    endpoint: str
    repository: str
    public: bool
    message: str
    tags: Mapping[str, Sequence[Item]]
    pointers: Mapping[str, str]
    token_file: Path | None

    def send(self, audience: Audience) -> Sent:
        """Send what is not there yet and read all of it back."""
        token = token_from("HF_TOKEN", self.token_file, where=TOKENS)
        receipt = Receipt.of(self.draft, self.endpoint, self.repository)
        path = receipt_path(self.source.resolve(), SERVICE)
        repository = Repository(self.repository, token, self.endpoint, public=self.public)

        kept = partial(keep, receipt, path, time.time)
        if self.tags:
            deliver_series(repository, self.tags, self.pointers, receipt, keep=kept, tell=audience.tell)
        else:
            deliver(repository, self.draft.items, receipt, self.message, keep=kept, tell=audience.tell)
        return Sent(receipt.page or receipt.repository, asdict(receipt), path)
