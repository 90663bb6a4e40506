"""Where the bytes of a checkpoint's tensors stand in its shards: whole, in pieces, as strings; and their checksums."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.converters._shared.encodings import layout_of, parts_of
from candle_spec.converters._shared.tensorflow.checksums import MAX_VARINT, Comparison, fixed, lengths_of
from candle_spec.converters._shared.tensorflow.types import DataType, data_type
from candle_spec.converters._shared.tiles import Tile, TiledBytes, join
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError, UnsupportedFormatError
from candle_spec.readers.crc32c import crc32c, masked
from candle_spec.readers.tensor_bundle import Bundle, Entry, piece_key
from candle_spec.weights.sources import Bytes, Encoding, FileBytes, MemoryBytes, Part
from candle_spec.weights.strides import StridedBytes, row_major_strides

_NO_STRINGS: Final = "strings and pieces of a big-endian checkpoint are not read"


@dataclass(frozen=True, slots=True)
class Stored:
    """How the bytes of one tensor are stored: parts, encoding, what else is known of them."""

    dtype: str
    shape: tuple[int, ...]
    parts: Mapping[str, Part]
    encoding: Encoding | None
    attributes: Mapping[str, Any]
    whole: bool = True
    """Whether its bytes stand in the shards as they are stored."""


@dataclass(frozen=True, slots=True)
class Shards:
    """The shards of a checkpoint, by number, and its index."""

    bundle: Bundle
    paths: tuple[Path, ...]

    def tensor(self, name: str, entry: Entry) -> Stored | None:
        """Return how a tensor's bytes are stored, ``None`` if its values are none that a tensor has.

        Raises:
            CorruptFileError: The index and the shards do not fit.
            UnsupportedFormatError: The dtype is not known.
        """
        found = data_type(entry.dtype)
        where = f"{self.paths[entry.shard].name}, {name[:200]!r}"
        if found is None:
            raise UnsupportedFormatError(f"the dtype {entry.dtype} of TensorFlow is not known", location=where)
        self._inside(entry, where)
        if not found.dtype:
            return None
        if entry.pieces:
            return self._joined(name, entry, found, where)
        if found.dtype == "BYTES":
            return self._strings(entry, where)
        self._check_size(entry, found, where)
        parts, encoding = parts_of(found.dtype, entry.shape, self._bytes(entry, found))
        return Stored(found.dtype, entry.shape, parts, encoding, found.attributes)

    def _inside(self, entry: Entry, where: str) -> None:
        size = self.paths[entry.shard].stat().st_size
        if entry.offset + entry.size > size:
            message = f"the tensor ends at byte {entry.offset + entry.size}, the shard at {size}"
            raise TruncatedFileError(message, location=where, hint="fetch or copy the shard again")

    def _check_size(self, entry: Entry, found: DataType, where: str) -> None:
        expected = math.prod(entry.shape) * found.width
        if entry.size != expected:
            raise CorruptFileError(f"the tensor has {entry.size} bytes, its shape {expected}", location=where)

    def _bytes(self, entry: Entry, found: DataType) -> Bytes:
        path = self.paths[entry.shard]
        if not self.bundle.big_endian or found.numbers == 1:
            return FileBytes(path, entry.offset, entry.size)
        layout = layout_of(found.dtype)
        shape = (*entry.shape, *layout.inner)
        strides = row_major_strides(shape)
        return StridedBytes(path, entry.offset, layout.dtype, shape, strides, byte_order="big", swap_size=found.numbers)

    def _strings(self, entry: Entry, where: str) -> Stored:
        """Strings: the length of each, a checksum of the lengths, then all of them one after the other."""
        if self.bundle.big_endian:
            raise UnsupportedFormatError(_NO_STRINGS, location=where)
        count, path = math.prod(entry.shape), self.paths[entry.shard]
        if count > entry.size:
            raise CorruptFileError(f"{count} strings in {entry.size} bytes", location=where)
        if count > limits.TENSOR_STRINGS:
            raise LimitExceededError(f"a tensor of {count} strings", location=where)
        with path.open("rb") as file:
            file.seek(entry.offset)
            head = file.read(min(count * MAX_VARINT + 4, entry.size))
        lengths, position = lengths_of(head, count, where)
        checksum = crc32c(fixed(lengths))
        if head[position : position + 4] != struct.pack("<I", masked(checksum)):
            raise CorruptFileError("the checksum of the strings' lengths does not fit", location=where)
        offsets = list(accumulate(lengths, initial=0))
        if position + 4 + offsets[-1] != entry.size:
            raise CorruptFileError(f"the strings do not fill the {entry.size} bytes of the tensor", location=where)
        parts = {
            "bytes": Part("U8", (offsets[-1],), FileBytes(path, entry.offset + position + 4, offsets[-1])),
            "offsets": Part("I64", (count + 1,), MemoryBytes(struct.pack(f"<{count + 1}q", *offsets))),
        }
        return Stored("BYTES", entry.shape, parts, Encoding("strings", {"text": "none"}), {})

    def _joined(self, name: str, entry: Entry, found: DataType, where: str) -> Stored:
        """A tensor kept in pieces, put together."""
        if self.bundle.big_endian or found.dtype == "BYTES":
            raise UnsupportedFormatError(_NO_STRINGS, location=where)
        tiles = [self._tile(name, entry, piece, found, where) for piece in entry.pieces]
        data = join(tiles, entry.shape, found.width, where)
        parts, encoding = parts_of(found.dtype, entry.shape, data)
        attributes = {**found.attributes, "pieces": len(tiles)}
        return Stored(found.dtype, entry.shape, parts, encoding, attributes, not isinstance(data, TiledBytes))

    def _tile(
        self, name: str, entry: Entry, piece: tuple[tuple[int, int | None], ...], found: DataType, where: str
    ) -> Tile:
        own = self.bundle.pieces.get(piece_key(name, piece))
        if own is None or len(piece) != len(entry.shape):
            raise CorruptFileError("the index does not hold a piece of the tensor", location=where)
        start = tuple(begin for begin, _ in piece)
        shape = tuple(axis if length is None else length for (_, length), axis in zip(piece, entry.shape, strict=True))
        if any(s + n > axis for s, n, axis in zip(start, shape, entry.shape, strict=True)):
            raise CorruptFileError("a piece goes beyond its tensor", location=where)
        if own.dtype != entry.dtype or own.shape != shape:
            raise CorruptFileError("a piece has another dtype or shape than its tensor says", location=where)
        self._inside(own, where)
        self._check_size(own, found, where)
        return Tile(start, shape, FileBytes(self.paths[own.shard], own.offset, own.size))

    def checks(self) -> Iterator[Callable[[], str]]:
        """Yield one comparison of checksums for every shard; they are read in the order of their bytes."""
        for number, path in enumerate(self.paths):
            rows = [*self.bundle.tensors.items(), *((_text(k), e) for k, e in self.bundle.pieces.items())]
            own = [(entry, name) for name, entry in rows if entry.shard == number and not entry.pieces]
            if own:
                yield Comparison(path, tuple(sorted(own, key=lambda row: (row[0].offset, row[1]))))


def _text(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")
