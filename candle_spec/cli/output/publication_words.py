"""Shipments, what was sent and what was fetched as text; nothing here prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from candle_spec.cli.output.words import plural, size

if TYPE_CHECKING:
    from candle_spec.publish.assemble import Received
    from candle_spec.publish.destination import Overview, Sent, Shipment
    from candle_spec.remote.incoming import Fetched


def shipment_lines(shipment: Shipment) -> Iterator[str]:
    """Yield what would be sent, what is wrong with it, and what would help."""
    if shipment.overview is not None:
        yield from _overview(shipment.overview)
    for remark in sorted(shipment.remarks, key=lambda remark: not remark.blocking):
        yield f"  {'error' if remark.blocking else 'note':<6} {remark}"
    if shipment.hint:
        yield shipment.hint


def _overview(overview: Overview) -> Iterator[str]:
    amounts = ", ".join([*(plural(count, word) for word, count in overview.counts.items()), size(overview.size)])
    if overview.host:
        yield f"{overview.place}    at {overview.host}"
        yield f"  {amounts}"
    else:
        yield f"{overview.place}    {amounts}"
    for what, path in overview.rows:
        yield f"  {size(what) if isinstance(what, int) else what:>10}  {path}"


def sent_lines(sent: Sent) -> Iterator[str]:
    """Yield where it is now, and where the receipt is."""
    yield f"-> {sent.place}"
    yield f"   receipt: {sent.receipt_path}"


def fetched_lines(fetched: Received | Fetched) -> Iterator[str]:
    """Yield where it is now, and what is to be said of each checkpoint, or of the file."""
    from candle_spec.publish.assemble import Received
    from candle_spec.validation import verdict

    if isinstance(fetched, Received):
        yield f"-> {fetched.path}"
        yield from (f"   {verdict(report)}" for report in fetched.reports)
    else:
        yield f"-> {fetched.path}    {fetched.size} bytes, checksum {fetched.match}"
