"""MD5, and the checksum that MoDaC shows: the ETag of the archived object at S3.

One part: the MD5 of the file. Several: the MD5 of the parts' MD5s, a dash, and their number; the size of a part is a
setting of the server (50 MiB) that it does not tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from candle_spec.digests import BLOCK

PART_SIZE: Final = 52_428_800
"""Bytes of one part of an upload from MoDaC to its archive, and from where on it is cut into parts."""


class Match(StrEnum):
    """What a comparison with the server's checksum says."""

    SAME = "same"
    DIFFERENT = "different"
    UNVERIFIABLE = "unverifiable"
    """A checksum of parts that does not fit: the parts may have had another size."""


def md5_file(path: Path) -> str:
    """Return the MD5 of a file as lower-case hex, which is the form that the service compares."""
    state = hashlib.md5(usedforsecurity=False)
    for block in _blocks(path):
        state.update(block)
    return state.hexdigest()


def etag(blocks: Iterable[bytes], *, part_size: int = PART_SIZE) -> str:
    """Return the checksum that the archive gives to the bytes of ``blocks``.

    Args:
        blocks: The content.
        part_size: Bytes of a part; content up to this size is one part.
    """
    whole, part, done, inside = _md5(), _md5(), [], 0
    total = 0
    for block in blocks:
        whole.update(block)
        total += len(block)
        view = memoryview(block)
        while len(view):
            piece = view[: part_size - inside]
            part.update(piece)
            inside, view = inside + len(piece), view[len(piece) :]
            if inside == part_size:
                done.append(part.digest())
                part, inside = _md5(), 0
    if inside:
        done.append(part.digest())
    if total <= part_size:
        return whole.hexdigest()
    return f"{hashlib.md5(b''.join(done), usedforsecurity=False).hexdigest()}-{len(done)}"


def etag_file(path: Path, *, part_size: int = PART_SIZE) -> str:
    """Return the checksum that the archive gives to a file."""
    return etag(_blocks(path), part_size=part_size)


def compare(path: Path, stated: str, *, part_size: int = PART_SIZE) -> Match:
    """Compare a file with a checksum that the server states."""
    if "-" not in stated:
        return Match.SAME if md5_file(path) == stated.lower() else Match.DIFFERENT
    return Match.SAME if etag_file(path, part_size=part_size) == stated else Match.UNVERIFIABLE


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            yield block
