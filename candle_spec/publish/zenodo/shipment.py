"""What goes to Zenodo: one deposit with all files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from candle_spec.publish.destination import Audience, Sent
from candle_spec.publish.draft import Form, drafted
from candle_spec.publish.receipts import Receipt, keep, read_receipt, receipt_path
from candle_spec.publish.shipment import Files
from candle_spec.publish.sources import Selection
from candle_spec.publish.zenodo.deposit import ENDPOINT, Deposits, refuse_over_limits, requests, tokens_at
from candle_spec.remote.addresses import checked_url
from candle_spec.remote.json_api import JsonApi
from candle_spec.remote.tokens import token_from

SERVICE: Final = "zenodo"
_FORM: Final = Form(SERVICE, ("deposit",))


@contextmanager
def prepared(selection: Selection, values: Mapping[str, Any], audience: Audience) -> Iterator[DepositShipment]:
    """Make everything that would be sent.

    Args:
        selection: What is published.
        values: The options of the destination, each of them.
        audience: Who is told; there is nothing to tell.

    Raises:
        InvalidInputError: The address is none, or the checkpoint has errors.
        LimitExceededError: There are more files, or more bytes, than a deposit takes.
    """
    endpoint = checked_url(values["url"], usual=ENDPOINT)
    with ExitStack() as scratch:
        draft = drafted(selection, _FORM, scratch)
        refuse_over_limits(draft.items)
        deposit = draft.documents.get("deposit", {})
        yield DepositShipment(
            draft=draft,
            place=endpoint,
            requests=requests(deposit, draft.items),
            accept_personal=values["accept_personal"],
            out=values["out"],
            source=selection.named,
            deposit=deposit,
            token_file=values["token_file"],
        )


@dataclass(frozen=True)
class DepositShipment(Files):
    """Files for one deposit.

    Attributes:
        source: The checkpoint or the series.
        deposit: The metadata of the deposit.
        token_file: File with the token.
    """

    source: Path
    deposit: Mapping[str, Any]
    token_file: Path | None

    def send(self, audience: Audience) -> Sent:
        """Make a draft deposit, or go on with the one of the receipt, and verify every file."""
        endpoint = self.place
        token = token_from("ZENODO_TOKEN", self.token_file, where=tokens_at(endpoint))
        path = receipt_path(self.source.resolve(), SERVICE)
        before = read_receipt(path)
        known = before.repository if before and before.service == endpoint else ""
        receipt = Receipt.of(self.draft, endpoint, known)
        with JsonApi(endpoint, token, extra="zenodo") as api:
            Deposits(api).publish(
                self.deposit,
                self.draft.items,
                receipt,
                keep=partial(keep, receipt, path, time.time),
                tell=audience.tell,
            )
        return Sent(receipt.page or receipt.repository, asdict(receipt), path)
