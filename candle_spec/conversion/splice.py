"""Byte-exact restore: a native file is its extents (tensor bytes, stored as weights) and its residue (all the rest).

``original/<n>.extents.json`` lists the extents by offset; ``original/<n>.residue.gz`` holds, concatenated, all bytes
that no extent covers. Splicing both gives the native file, whatever its format. What no extent describes stays in the
residue, whole: that is how nothing can be lost.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Protocol, cast

from candle_spec.conversion.extents import StoredExtent, gaps
from candle_spec.digests import BLOCK
from candle_spec.errors import CorruptFileError, ProofFailedError, TruncatedFileError
from candle_spec.weights.safetensors import Entry, Header, read_header


def residue_blocks(native: Path, size: int, extents: Sequence[StoredExtent]) -> Iterator[bytes]:
    """Yield the residue of a native file, compressed deterministically."""
    packed = _Taken()
    with (
        native.open("rb", buffering=0) as source,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as residue,
    ):
        for offset, length in gaps(extents, size):
            source.seek(offset)
            for block in read_blocks(source, length, native.name):
                residue.write(block)
                yield from packed.take()
    yield from packed.take()


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


class Readable(Protocol):
    """A binary file that fills a buffer."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer from the file's position; return how many bytes were read."""
        ...


def read_blocks(file: Readable, length: int, location: str) -> Iterator[memoryview]:
    """Yield ``length`` bytes from the file's position in blocks.

    Raises:
        CorruptFileError: The file ended early.
    """
    buffer = memoryview(bytearray(min(BLOCK, length) or 1))
    while length:
        count = file.readinto(buffer[: min(length, len(buffer))])
        if not count:
            raise TruncatedFileError("the file ended early", location=location)
        yield buffer[:count]
        length -= count


class Splice:
    """The virtual native file made of a residue and extents of a checkpoint folder.

    Args:
        root: The checkpoint's folder (or its staging folder).
        residue: Path of the residue below it.
        size: Size of the native file.
        extents: Its extents, sorted.
    """

    def __init__(self, root: Path, residue: str, size: int, extents: Sequence[StoredExtent]) -> None:
        self._root = root
        self._residue = residue
        self._size = size
        self._extents = extents
        self._headers: dict[str, Header] = {}

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield the native file's bytes.

        Raises:
            CorruptFileError: The residue or a stored array does not fit what the extents say.
        """
        position = 0
        files: dict[str, FileIO] = {}
        try:
            with gzip.GzipFile(self._root / self._residue) as packed:
                residue = cast(Readable, packed)
                for extent in self._extents:
                    yield from read_blocks(residue, extent.offset - position, self._residue)
                    yield from self._extent(extent, files)
                    position = extent.offset + extent.length
                yield from read_blocks(residue, self._size - position, self._residue)
                if packed.read(1):
                    raise CorruptFileError(
                        "the residue holds more than the gaps between the extents", location=self._residue
                    )
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise CorruptFileError(f"the residue cannot be unpacked: {error}", location=self._residue) from error
        finally:
            for file in files.values():
                file.close()

    def _extent(self, extent: StoredExtent, files: dict[str, FileIO]) -> Iterator[bytes | memoryview]:
        if extent.file not in files:
            files[extent.file] = FileIO(self._root / extent.file)
        entry = self._entry(extent)
        if entry is None or not extent.rearranged:
            files[extent.file].seek((entry.offset if entry else 0) + extent.start)
            yield from read_blocks(files[extent.file], extent.length, extent.file)
            return
        yield from _rearranged(self._root / extent.file, entry.offset, entry.dtype, entry.shape, extent)

    def _entry(self, extent: StoredExtent) -> Entry | None:
        """Return the stored array of an extent, checked to hold it; ``None`` for a whole file."""
        if extent.key is None:
            return None
        if extent.file not in self._headers:
            self._headers[extent.file] = read_header(self._root / extent.file)
        entry = self._headers[extent.file].entries.get(extent.key)
        if entry is None or not extent.fits(entry.size):
            raise CorruptFileError(
                f"no stored array that holds {extent.length} bytes is named {extent.key!r}", location=extent.file
            )
        return entry


def _rearranged(
    path: Path, offset: int, dtype: str, shape: tuple[int, ...], extent: StoredExtent
) -> Iterator[memoryview]:
    """Yield a stored array in the native order of axes and bytes."""
    import numpy as np

    from candle_spec.weights.dtypes import item_size
    from candle_spec.weights.strides import row_major

    element = np.dtype((np.void, item_size(dtype)))
    stored = np.memmap(path, dtype=element, mode="r", offset=offset, shape=shape)
    native = stored.transpose(extent.order) if extent.order is not None else stored
    yield from row_major(native, extent.swap)


def prove(native: Path, splice: Splice) -> str:
    """Return the digest of the spliced bytes after comparing every one of them with the native file.

    Raises:
        ProofFailedError: They differ.
    """
    import hashlib

    state = hashlib.sha256()
    position = 0
    with FileIO(native) as file:
        buffer = bytearray(BLOCK)
        for block in splice.blocks():
            view = memoryview(block)
            while len(view):
                part = view[:BLOCK]
                if not _reads_the_same(file, part, buffer):
                    raise ProofFailedError(f"the restored bytes differ near {position}", location=str(native))
                state.update(part)
                view = view[BLOCK:]
                position += len(part)
        if file.read(1):
            raise ProofFailedError("the native file is longer than its restored bytes", location=str(native))
    return "sha256:" + state.hexdigest()


def _reads_the_same(file: FileIO, expected: memoryview, buffer: bytearray) -> bool:
    """Whether the file goes on with exactly these bytes.

    A bytearray is compared by ``memcmp``, a memoryview item by item.
    """
    if len(expected) == len(buffer):
        window = memoryview(buffer)
        filled = 0
        while filled < len(expected):
            count = file.readinto(window[filled:])
            if not count:
                return False
            filled += count
        window.release()
        return buffer == expected
    data = bytearray()
    while len(data) < len(expected):
        more = file.read(len(expected) - len(data))
        if not more:
            return False
        data += more
    return data == expected
