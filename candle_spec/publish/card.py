"""What the record of a checkpoint says besides what its template makes: values that were measured later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.evaluations import later_in_words
from candle_spec.repositories.markup import markdown

CARD: Final = "README.md"

_HEAD: Final = """
## Later evaluations

Added after the manifest was written: neither its seal nor its signature covers them.

"""


def with_later(record: Mapping[str, bytes], checkpoint: Checkpoint) -> dict[str, bytes]:
    """Return a record whose page for people, if it has one, names the values that were measured later."""
    lines = later_in_words(checkpoint)
    card = record.get(CARD)
    if not lines or card is None:
        return dict(record)
    section = _HEAD + "".join(f"- {markdown.words(line)}\n" for line in lines)
    return {**record, CARD: card.rstrip(b"\n") + b"\n" + section.encode()}
