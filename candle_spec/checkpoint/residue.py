"""The residue of a native file: packed while its digest is taken, and unpacked within its stated size.

One gzip stream (RFC 1952), nothing behind it: a reader that stops at the end of the stream and one that reads on see
the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from candle_spec.digests import BLOCK
from candle_spec.errors import CorruptFileError

_GZIP: Final = 31
"""The window of zlib for a stream with header and trailer of gzip."""


class PackedResidue:
    """The packed bytes of a residue, once; afterwards it is known what went in.

    Args:
        blocks: The residue's bytes.

    Attributes:
        size: Bytes that went in.
    """

    def __init__(self, blocks: Iterable[bytes | memoryview]) -> None:
        self._blocks = blocks
        self._state = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        packed = _Taken()
        # The module gzip writes the same header on every system; zlib itself would name the system in it.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as target:
            for block in self._blocks:
                self._state.update(block)
                self.size += len(block)
                target.write(block)
                yield from packed.take()
        yield from packed.take()

    @property
    def digest(self) -> str:
        """The digest of what went in."""
        return "sha256:" + self._state.hexdigest()


class _Taken:
    """A file object for gzip from which the pieces that it writes are taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes | memoryview) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> list[bytes]:
        """Return what was written since the last call."""
        taken, self._pieces = self._pieces, []
        return taken


class UnpackedResidue:
    """A residue that is read piece by piece; see :func:`unpacked`."""

    def __init__(self, path: Path, size: int, location: str) -> None:
        self._blocks = unpacked(path, size, location)
        self._rest = memoryview(b"")

    def take(self, length: int) -> Iterator[memoryview]:
        """Yield the next ``length`` bytes."""
        while length:
            if not self._rest:
                self._rest = memoryview(next(self._blocks))
            piece = self._rest[:length]
            self._rest = self._rest[len(piece) :]
            length -= len(piece)
            yield piece

    def end(self) -> None:
        """Make sure that nothing is left, and that the stream ends as it should."""
        for _ in self._blocks:
            raise CorruptFileError("the residue holds more than the gaps between the extents")


def unpacked(path: Path, size: int, location: str) -> Iterator[bytes]:
    """Yield the bytes of a residue: exactly ``size`` of them.

    Args:
        path: The packed file.
        size: Bytes that it must hold; no more are ever unpacked.
        location: The file, for messages.

    Raises:
        CorruptFileError: It is no gzip stream, is cut, holds another number of bytes, or something follows it.
    """
    unpacker, left = zlib.decompressobj(_GZIP), size
    with path.open("rb") as file:
        data = file.read(BLOCK)
        while not unpacker.eof:
            try:
                block = unpacker.decompress(data, min(BLOCK, left + 1))
            except zlib.error as error:
                raise _corrupt(f"cannot be unpacked: {error}", location) from error
            if len(block) > left:
                raise _corrupt(f"holds more than its {size} bytes", location)
            left -= len(block)
            if block:
                yield block
            data = unpacker.unconsumed_tail or (b"" if unpacker.eof else file.read(BLOCK))
            if not (data or block or unpacker.eof):
                raise _corrupt("is cut: its stream does not end", location)
        if left:
            raise _corrupt(f"holds {size - left} bytes, not {size}", location)
        if unpacker.unused_data or file.read(1):
            raise _corrupt("has bytes behind the end of its stream", location)


def _corrupt(message: str, location: str) -> CorruptFileError:
    return CorruptFileError(f"the residue {message}", location=location, code="CKP4030")
