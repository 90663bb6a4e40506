"""Pins and tags: they stand in the record, outside the checkpoints, and bind to one checkpoint by its digest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from candle_spec.atomic import write_errors
from candle_spec.errors import InvalidInputError
from candle_spec.series.live import Live
from candle_spec.series.record import Mark
from candle_spec.series.store import Store

_TAG: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


def mark(store: Store, live: Live, tag: str = "") -> None:
    """Pin a checkpoint, or give it a tag, which no other one has any more.

    Raises:
        InvalidInputError: The tag is none.
    """
    if tag and not _TAG.fullmatch(tag):
        raise InvalidInputError(
            f"{tag!r} is no tag", hint="lower-case letters, digits, dots, hyphens and underscores, at most 100"
        )
    made = Mark(live.point.epoch, live.manifest_digest, tag)
    others = [other for other in store.record.marks if other != made and (not tag or other.tag != tag)]
    _replace(store, [*others, made])


def unpin(store: Store, live: Live) -> None:
    """Remove the pin of a checkpoint."""
    _replace(store, [m for m in store.record.marks if m.tag or m.manifest_digest != live.manifest_digest])


def untag(store: Store, tag: str) -> None:
    """Remove a tag.

    Raises:
        InvalidInputError: There is no such tag.
    """
    if all(made.tag != tag for made in store.record.marks):
        raise InvalidInputError(f"there is no tag {tag!r}", location=str(store.layout.root))
    _replace(store, [made for made in store.record.marks if made.tag != tag])


def _replace(store: Store, marks: Sequence[Mark]) -> None:
    """Write new marks down; they hold only if that succeeded."""
    store.writable()
    old, store.record.marks = store.record.marks, list(marks)
    try:
        with write_errors(store.layout.root):
            store.write_record()
    except BaseException:
        store.record.marks = old
        raise
