"""Digests of the arrays of weights files, taken in threads: large arrays one by one, small ones many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from candle_spec.digests import BLOCK, Progress, digest_blocks, digest_ranges, no_progress
from candle_spec.weights.safetensors import Entry
from candle_spec.weights.sources import Bytes, FileBytes

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future


def lots(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Divide arrays, in their order, into lots of at least a block of bytes: a task of a thread has its own cost."""
    lot: list[Entry] = []
    size = 0
    for entry in entries:
        lot.append(entry)
        size += entry.size
        if size >= BLOCK:
            yield lot
            lot, size = [], 0
    if lot:
        yield lot


def start(pool: Executor, path: Path, lot: list[Entry], progress: Progress = no_progress) -> Future[dict[str, str]]:
    """Begin the digests of some arrays of the file ``path``; the result has them by key."""
    return pool.submit(_digests, path, lot, progress)


def _digests(path: Path, lot: list[Entry], progress: Progress) -> dict[str, str]:
    """Return the digests of some arrays.

    Raises:
        CorruptFileError: The file ends inside one of them.
    """
    found = digest_ranges(path, [(entry.offset, entry.size) for entry in lot], progress)
    return dict(zip((entry.key for entry in lot), found, strict=True))


def digest_sources(sources: Iterable[Bytes]) -> Iterator[str]:
    """Yield the digests of the bytes of arrays before they are stored; a file that holds many is opened once."""
    for path, found in groupby(sources, key=lambda data: data.path if isinstance(data, FileBytes) else None):
        if path is None:
            yield from (digest_blocks(data.blocks()) for data in found)
        else:
            yield from digest_ranges(path, [(data.offset, data.size) for data in found if isinstance(data, FileBytes)])
