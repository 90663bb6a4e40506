"""Sorted string tables of LevelDB, as TensorFlow writes its indexes: keys with values, both bytes.

Layout: https://github.com/google/leveldb/blob/main/doc/table_format.md. Every block's checksum is compared. A table is
read as a whole: an index of a million tensors is some tens of MB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError, UnsupportedFormatError
from candle_spec.readers.crc32c import crc32c, masked
from candle_spec.readers.signatures import SSTABLE, SSTABLE_FOOTER
from candle_spec.readers.snappy import unpack

_TRAILER: Final = 5
_STORED, _SNAPPY = 0, 1


def header_kind(path: Path) -> int:
    """Return the first byte of the value under the empty key, 0 if the first key of the table is not empty.

    Under it, TensorFlow keeps a header; a database has no such key.
    """
    with path.open("rb") as file:
        head = file.read(32)
    packed = next((index for index, byte in enumerate(head[:5]) if byte < 0x80), 0) + 1
    tag = head[packed : packed + 1] or b"\x01"
    literal = packed + 1 + max(0, (tag[0] >> 2) - 59)
    starts = [0, literal] if tag[0] & 3 == 0 else [0]
    for start in starts:
        if head[start : start + 2] == b"\x00\x00":
            length = next((i for i, byte in enumerate(head[start + 2 : start + 7]) if byte < 0x80), 0) + 1
            return (head[start + 2 + length :] or b"\x00")[0]
    return 0


def read_table(path: Path) -> dict[bytes, bytes]:
    """Return keys and values of a table in their order.

    Raises:
        CorruptFileError: A block is damaged, lies outside of the file, or its keys are not in order.
        LimitExceededError: The table is too large.
        UnsupportedFormatError: A block is packed in another way than by snappy.
    """
    return {key: value for key, value, _ in read_rows(path)}


def read_rows(path: Path) -> list[tuple[bytes, bytes, int | None]]:
    """Return keys and values of a table, and where each value stands in the file, ``None`` if its block is packed.

    Raises:
        CandleSpecError: See :func:`read_table`.
    """
    size = path.stat().st_size
    if size > limits.SSTABLE_BYTES:
        raise LimitExceededError(f"a table of {size} bytes, more than {limits.SSTABLE_BYTES}", location=path.name)
    return list(_Table(path.name, path.read_bytes()).rows())


class _Table:
    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        self._data = data
        self._unpacked = 0
        if len(data) < SSTABLE_FOOTER or not data.endswith(SSTABLE):
            raise TruncatedFileError("the table has no end", location=name)

    def rows(self) -> Iterator[tuple[bytes, bytes, int | None]]:
        """Yield all keys and values, and where the values stand."""
        end = len(self._data) - SSTABLE_FOOTER
        footer = self._data[end : end + SSTABLE_FOOTER - len(SSTABLE)]
        position = self._varint(footer, self._varint(footer, 0)[1])[1]  # the first handle is that of the meta index
        last: bytes | None = None
        for _, handle, _ in self._block(footer[position:], end):
            for key, value, place in self._block(handle, end):
                if last is not None and key <= last:
                    raise CorruptFileError("the keys of the table are not in order", location=self._name)
                last = key
                yield key, value, place

    def _block(self, handle: bytes, end: int) -> list[tuple[bytes, bytes, int | None]]:
        """Return the entries of the block that a handle names."""
        offset, position = self._varint(handle, 0)
        size, _ = self._varint(handle, position)
        if offset + size + _TRAILER > end:
            raise CorruptFileError(f"a block of {size} bytes goes beyond the table", location=self._at(offset))
        data = self._data[offset : offset + size]
        kind = self._data[offset + size]
        (checksum,) = struct.unpack_from("<I", self._data, offset + size + 1)
        if checksum != masked(crc32c(data + bytes([kind]))):
            raise CorruptFileError("the checksum of a block does not fit its bytes", location=self._at(offset))
        if kind == _SNAPPY:
            data = unpack(data, limits.SSTABLE_BYTES - self._unpacked, self._at(offset))
        elif kind != _STORED:
            hint = "only snappy is known"
            raise UnsupportedFormatError(f"a block is packed in the way {kind}", location=self._at(offset), hint=hint)
        self._unpacked += len(data)
        stored = kind == _STORED
        return [
            (key, data[start:after], offset + start if stored else None)
            for key, start, after in self._entries(data, offset)
        ]

    def _entries(self, data: bytes, offset: int) -> Iterator[tuple[bytes, int, int]]:
        end = len(data) - 4
        if end >= 0:
            end -= 4 * struct.unpack_from("<I", data, end)[0]
        if end < 0:
            raise CorruptFileError("a block is shorter than its list of restarts", location=self._at(offset))
        position, key = 0, b""
        while position < end:
            shared, position = self._varint(data, position)
            more, position = self._varint(data, position)
            length, position = self._varint(data, position)
            if shared > len(key) or position + more + length > end:
                raise CorruptFileError("an entry goes beyond its block", location=self._at(offset))
            key = key[:shared] + data[position : position + more]
            position += more + length
            self._unpacked += len(key)  # keys share their beginnings: few bytes may stand for very many
            if self._unpacked > limits.SSTABLE_BYTES:
                raise LimitExceededError("the keys of the table are too large", location=self._name)
            yield key, position - length, position

    def _varint(self, data: bytes, position: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if position >= len(data):
                break
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
        raise CorruptFileError("a number of the table has no end", location=self._name)

    def _at(self, offset: int) -> str:
        return f"{self._name}, byte {offset}"
