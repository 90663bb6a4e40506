"""A series as a list: one line for each checkpoint, in the order of the training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.series.layout import epoch_of
from candle_spec.series.live import Live, inode
from candle_spec.series.store import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """One checkpoint of a series.

    Attributes:
        epoch: Completed epochs.
        step: Completed steps, where the training counts them.
        path: Its folder.
        state_digest: Identity of everything in it that is a tensor; ``""`` where it cannot be read.
        metrics: What the training measured.
        size: Bytes of its files.
        unique_size: Bytes that no other checkpoint of the series shares: what deleting it would free.
        created: RFC 3339, UTC.
        run_id: The run that saved it.
        attempt: The attempt that saved it.
        superseded: A later attempt went on from before it.
        pinned: It is never pruned.
        tags: Its tags; a tagged one is never pruned either.
        complete: Whether it is a whole checkpoint, as far as its manifest and the sizes of its files say.
        problems: Why it is not.
    """

    epoch: int
    step: int | None
    path: Path
    state_digest: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    size: int = 0
    unique_size: int = 0
    created: str = ""
    run_id: str = ""
    attempt: int = 0
    superseded: bool = False
    pinned: bool = False
    tags: tuple[str, ...] = ()
    complete: bool = True
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def order(self) -> tuple[int, int]:
        """Its place in the training."""
        return self.epoch, self.step or 0


def size_on_disk(found: Iterable[Entry]) -> int:
    """Return the bytes of all files of checkpoints, each file that they share counted once."""
    files = (path for entry in found for path in entry.path.rglob("*") if path.is_file())
    return sum({(status.st_dev, status.st_ino): status.st_size for status in (path.stat() for path in files)}.values())


def entries(store: Store) -> tuple[Entry, ...]:
    """Return all checkpoints of a series, the damaged ones included, in the order of the training."""
    holders: dict[tuple[int, int], int] = {}
    for live in store.live:
        for identity in live.inodes():
            holders[identity] = holders.get(identity, 0) + 1
    found = [_entry(store, live, holders) for live in store.live]
    found += [
        Entry(epoch_of(path.name) or 0, None, path, complete=False, problems=(why,)) for path, why in store.faulty
    ]
    return tuple(sorted(found, key=lambda entry: (entry.order, entry.name)))


def _entry(store: Store, live: Live, holders: Mapping[tuple[int, int], int]) -> Entry:
    """Return the entry of one checkpoint; ``holders`` says how many checkpoints hold each file."""
    marks = store.marks_of(live)
    size, unique = _sizes(live, holders)
    return Entry(
        epoch=live.point.epoch,
        step=live.point.step,
        path=live.path,
        state_digest=live.point.state_digest,
        metrics=live.metrics,
        size=size,
        unique_size=unique,
        created=live.created,
        run_id=live.run_id,
        attempt=live.attempt,
        superseded=store.is_superseded(live),
        pinned=any(not mark.tag for mark in marks),
        tags=tuple(sorted(mark.tag for mark in marks if mark.tag)),
    )


def _sizes(live: Live, holders: Mapping[tuple[int, int], int]) -> tuple[int, int]:
    manifest = live.path / MANIFEST
    size = unique = os.stat(manifest).st_size if manifest.is_file() else 0
    for held in live.files.values():
        size += held.size
        identity = inode(held.path)
        unique += held.size if identity is not None and holders.get(identity, 1) == 1 else 0
    return size, unique
