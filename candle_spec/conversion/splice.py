"""Byte-exact restore: a native file is its extents (tensor bytes, stored as weights) and its residue (all the rest).

``original/<n>.extents.json`` lists the extents by offset; ``original/<n>.residue.gz`` holds, concatenated, all bytes
that no extent covers. Splicing both gives the native file, whatever its format. What no extent describes stays in the
residue, whole: that is how nothing can be lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Protocol

from candle_spec.checkpoint.residue import PackedResidue, UnpackedResidue
from candle_spec.conversion.extents import StoredExtent, gaps
from candle_spec.digests import BLOCK
from candle_spec.errors import CorruptFileError, ProofFailedError, TruncatedFileError
from candle_spec.weights.safetensors import Entry, Header, read_header


def residue_of(native: Path, size: int, extents: Sequence[StoredExtent]) -> PackedResidue:
    """Return the residue of a native file, packed the same way every time."""
    return PackedResidue(_gaps(native, size, extents))


def _gaps(native: Path, size: int, extents: Sequence[StoredExtent]) -> Iterator[memoryview]:
    with native.open("rb", buffering=0) as source:
        for offset, length in gaps(extents, size):
            source.seek(offset)
            yield from read_blocks(source, length, native.name)


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
        held = self._size - sum(extent.length for extent in self._extents)
        residue = UnpackedResidue(self._root / self._residue, held, self._residue)
        try:
            for extent in self._extents:
                yield from residue.take(extent.offset - position)
                yield from self._extent(extent, files)
                position = extent.offset + extent.length
            yield from residue.take(self._size - position)
            residue.end()
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
