"""Byte-exact restore: a native file is its extents (tensor bytes, stored as weights) and its residue (all the rest).

``original/<n>.extents.json`` lists the extents by offset; ``original/<n>.residue.gz`` holds, concatenated, all bytes
that no extent covers. Splicing both gives the native file, whatever its format. What no extent describes stays in the
residue, whole: that is how nothing can be lost.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

from candle_spec import limits
from candle_spec.atomic import Fs
from candle_spec.digests import BLOCK
from candle_spec.errors import CorruptFileError, ProofFailedError, TruncatedFileError
from candle_spec.manifest import check
from candle_spec.problems import Severity
from candle_spec.weights.safetensors import Entry, Header, read_header
from candle_spec.weights.shards import GroupPlan
from candle_spec.weights.sources import Bytes

SMALLEST: Final = 64
"""Extents shorter than this stay in the residue: describing them would take more than they hold."""


@dataclass(frozen=True, slots=True)
class StoredExtent:
    """One extent: where it stands in the native file, and which stored array holds its bytes.

    Attributes:
        offset: First byte in the native file.
        length: Number of bytes.
        file: File in the checkpoint.
        key: Array in that weights file; ``None`` where the file itself, as a whole, holds the bytes.
        order: Axes of the stored array from slowest to fastest in the native file, ``None`` for row-major.
        swap: Size of the numbers whose bytes stand in the other order, 0 for none.
        start: First byte in the array or file.
    """

    offset: int
    length: int
    file: str
    key: str | None
    order: tuple[int, ...] | None = None
    swap: int = 0
    start: int = 0

    def to_json(self) -> dict[str, Any]:
        """The extent as it stands in the extents file."""
        about: dict[str, Any] = {"offset": self.offset, "length": self.length, "file": self.file}
        if self.key is not None:
            about["key"] = self.key
        if self.order is not None:
            about["order"] = list(self.order)
        if self.swap:
            about["swap"] = self.swap
        if self.start:
            about["start"] = self.start
        return about

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> StoredExtent:
        """Read an extent from the extents file."""
        order = tuple(about["order"]) if "order" in about else None
        swap, start = about.get("swap", 0), about.get("start", 0)
        return cls(about["offset"], about["length"], about["file"], about.get("key"), order, swap, start)


def extents_of(path: Path, plans: Iterable[GroupPlan], whole_files: Mapping[str, Bytes]) -> list[StoredExtent]:
    """Return the extents of one native file: sorted, none overlapping another, none tiny.

    Args:
        path: The native file.
        plans: Where the arrays are stored.
        whole_files: Other files of the checkpoint, by path, and where their bytes come from.
    """
    parts = [part for plan in plans for file in plan.files for part in file.parts.values()]
    found = [extent for part in parts for extent in _extents(path, part.part.data, part.file, part.key)]
    found += [extent for name, data in whole_files.items() for extent in _extents(path, data, name, None)]
    chosen: list[StoredExtent] = []
    position = 0
    for extent in sorted(found, key=lambda e: (e.offset, -e.length, e.file, e.key or "")):
        if extent.offset >= position:
            chosen.append(extent)
            position = extent.offset + extent.length
    return chosen


def _extents(path: Path, data: Bytes, file: str, key: str | None) -> Iterator[StoredExtent]:
    for e in data.extents:
        if e.path == path and e.length >= SMALLEST:
            yield StoredExtent(e.offset, e.length, file, key, e.order, e.swap, e.start)


def fault_of(size: int, length: int, start: int, rearranged: bool) -> bool:
    """Whether an extent does not fit the stored bytes: beyond them, or rearranged and not the whole of them."""
    return start + length > size or (rearranged and (start, length) != (0, size))


def gaps(extents: Sequence[StoredExtent], size: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length of what no extent covers."""
    position = 0
    for extent in extents:
        if extent.offset > position:
            yield position, extent.offset - position
        position = extent.offset + extent.length
    if size > position:
        yield position, size - position


class Place(Protocol):
    """A private folder in which a checkpoint is made."""

    fs: Fs
    path: Path

    def create(self, name: str) -> BinaryIO:
        """Create a file; the caller syncs and closes it."""
        ...


def write_residue(native: Path, size: int, extents: Sequence[StoredExtent], name: str, staging: Place) -> int:
    """Write the residue, compressed deterministically; return its uncompressed size."""
    total = 0
    with native.open("rb", buffering=0) as source, staging.create(name) as target:
        out = _Through(staging.fs, target)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=out, mtime=0) as packed:
            for offset, length in gaps(extents, size):
                source.seek(offset)
                for block in read_blocks(source, length, native.name):
                    packed.write(block)
                total += length
        staging.fs.sync_file(target)
    return total


class _Through:
    """A file object for gzip whose writes go through ``Fs``, so that tests can make them fail."""

    def __init__(self, fs: Fs, file: BinaryIO) -> None:
        self._fs = fs
        self._file = file

    def write(self, data: bytes | memoryview) -> int:
        self._fs.write(self._file, data)
        return len(data)

    def flush(self) -> None:
        """Unbuffered: nothing to do."""


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
        if entry is None or (extent.order is None and not extent.swap):
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
        if entry is None or fault_of(entry.size, extent.length, extent.start, bool(extent.order or extent.swap)):
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


def checked_extents(document: Any, location: str) -> dict[str, Any]:
    """Return a parsed extents file whose extents fit its schema, are sorted, disjoint and inside the native file.

    Raises:
        CorruptFileError: They are not.
    """
    faults = [fault for fault in check(document, schema="extents") if fault.severity is Severity.ERROR]
    if faults:
        where = faults[0].location.pointer
        raise CorruptFileError(f"the extents file breaks its schema: {where} {faults[0].message}", location=location)
    size, position = document["size"], 0
    for about in document["extents"]:
        if about["offset"] < position:
            raise CorruptFileError("the extents overlap or are not sorted", location=location)
        position = about["offset"] + about["length"]
    if position > size or size > limits.TENSOR_BYTES:
        raise CorruptFileError("the extents are larger than the native file", location=location)
    return dict(document)
