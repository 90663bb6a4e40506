"""MD5, and the checksum that MoDaC shows: the ETag of the archived object at S3.

One part: the MD5 of the file. Several: the MD5 of the parts' MD5s, a dash, and their number; the size of a part is a
setting of the server (50 MiB) that it does not tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from candle_spec.digests import BLOCK
from candle_spec.remote.checks import Match

PART_SIZE: Final = 52_428_800
"""Bytes of one part of an upload from MoDaC to its archive, and from where on it is cut into parts."""


def md5_file(path: Path) -> str:
    """Return the MD5 of a file as lower-case hex, which is the form that the service compares."""
    state = hashlib.md5(usedforsecurity=False)
    for block in _blocks(path):
        state.update(block)
    return state.hexdigest()


class Digesting:
    """MD5 and archive checksum of bytes as they come.

    Args:
        part_size: Bytes of a part; content up to this size is one part.
    """

    def __init__(self, part_size: int = PART_SIZE) -> None:
        self.size = 0
        self._part_size = part_size
        self._whole, self._part = _md5(), _md5()
        self._inside = 0
        self._done: list[bytes] = []

    def update(self, block: bytes | memoryview) -> None:
        """Take the next bytes."""
        view = memoryview(block)
        self._whole.update(view)
        self.size += len(view)
        while len(view):
            piece = view[: self._part_size - self._inside]
            self._part.update(piece)
            self._inside, view = self._inside + len(piece), view[len(piece) :]
            if self._inside == self._part_size:
                self._done.append(self._part.digest())
                self._part, self._inside = _md5(), 0

    @property
    def md5(self) -> str:
        """MD5 of all bytes so far."""
        return self._whole.hexdigest()

    @property
    def etag(self) -> str:
        """The checksum that the archive gives to all bytes so far."""
        if self.size <= self._part_size:
            return self.md5
        parts = [*self._done, self._part.digest()] if self._inside else self._done
        return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"

    def compare(self, stated: str) -> Match:
        """Compare with a checksum that the server states."""
        if "-" not in stated:
            return Match.SAME if self.md5 == stated.lower() else Match.DIFFERENT
        return Match.SAME if self.etag == stated else Match.UNVERIFIABLE


def etag(blocks: Iterable[bytes], *, part_size: int = PART_SIZE) -> str:
    """Return the checksum that the archive gives to the bytes of ``blocks``, cut into parts of ``part_size`` bytes."""
    digesting = Digesting(part_size)
    for block in blocks:
        digesting.update(block)
    return digesting.etag


def compare(path: Path, stated: str, *, part_size: int = PART_SIZE) -> Match:
    """Compare a file with a checksum that the server states."""
    digesting = Digesting(part_size)
    for block in _blocks(path):
        digesting.update(block)
    return digesting.compare(stated)


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            yield block
