"""Protocol buffers on the wire: fields by number, with their true positions in the file; no message class needed.

Layout: https://protobuf.dev/programming-guides/encoding/. Only what is asked for is decoded, so a 2 GB message costs
no memory: a window is a slice of a memory map, and a length-delimited field is another window.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

_GROUPS: Final = (3, 4)
_MAX_NUMBER: Final = (1 << 29) - 1


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of bytes of a file, read when asked.

    Attributes:
        data: The whole file, or a message in memory.
        offset: First byte of the window in ``data``.
        size: Its number of bytes.
        location: The file and place in words, for errors.
        depth: How many messages it lies in.
    """

    data: mmap.mmap | bytes
    offset: int
    size: int
    location: str
    depth: int = 0

    def bytes(self) -> bytes:
        """The bytes, copied."""
        return bytes(self.data[self.offset : self.offset + self.size])

    def text(self) -> str:
        """The bytes as text; bytes that are no UTF-8 survive as surrogates."""
        return self.bytes().decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        number: Its number.
        wire: Its wire type: ``VARINT``, ``FIXED64``, ``BYTES`` or ``FIXED32``.
        value: The number of a varint (unsigned) or the raw bits of a fixed one; 0 for bytes.
        window: Where the content stands: of ``BYTES`` without its length, of the others their encoded bytes.
    """

    number: int
    wire: int
    value: int
    window: Window

    @property
    def signed(self) -> int:
        """A varint as ``int32``, ``int64`` or an enumeration: two's complement in 64 bits."""
        return self.value - (1 << 64) if self.value >> 63 else self.value


@contextmanager
def open_message(path: Path) -> Iterator[Window]:
    """Open a file that is one message; the windows are good as long as the block lasts."""
    with path.open("rb") as file:
        size = path.stat().st_size
        if not size:
            yield Window(b"", 0, 0, path.name)
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield Window(data, 0, size, path.name)


def fields(message: Window) -> Iterator[Field]:
    """Yield the fields of a message in their order.

    Raises:
        CorruptFileError: It is no message: a length beyond its end, an unknown wire type, a number that never ends.
        LimitExceededError: Messages are nested too deeply.
    """
    if message.depth > limits.PROTOBUF_DEPTH:
        raise LimitExceededError(f"messages are nested deeper than {limits.PROTOBUF_DEPTH}", location=message.location)
    position, end = message.offset, message.offset + message.size
    while position < end:
        key, after = varint(message, position, end)
        number, wire = key >> 3, key & 7
        if not 0 < number <= _MAX_NUMBER:
            raise _corrupt(message, position, f"a field has the number {number}")
        value, start, after = _content(message, wire, after, end)
        if after > end:
            raise _corrupt(message, position, f"field {number} is longer than its message")
        yield Field(
            number, wire, value, Window(message.data, start, after - start, message.location, message.depth + 1)
        )
        position = after


def _content(message: Window, wire: int, position: int, end: int) -> tuple[int, int, int]:
    """Return value, first byte and end of a field's content."""
    if wire == VARINT:
        value, after = varint(message, position, end)
        return value, position, after
    if wire == BYTES:
        size, start = varint(message, position, end)
        return 0, start, start + size
    if wire in (FIXED32, FIXED64):
        width = 4 if wire == FIXED32 else 8
        raw = bytes(message.data[position : min(position + width, end)])
        return int.from_bytes(raw, "little"), position, position + width
    what = "groups, which nobody writes any more," if wire in _GROUPS else f"the wire type {wire}"
    raise _corrupt(message, position, f"{what} cannot be read")


def varint(message: Window, position: int, end: int) -> tuple[int, int]:
    """Return the unsigned number at ``position`` and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise _corrupt(message, position, "a number goes on beyond its message")
        byte = message.data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise _corrupt(message, position, "a number is longer than 10 bytes")


def packed_varints(window: Window) -> Iterator[int]:
    """Yield the unsigned numbers of a packed repeated field."""
    position, end = window.offset, window.offset + window.size
    while position < end:
        value, position = varint(window, position, end)
        yield value


def ints(field: Field) -> list[int]:
    """Return the signed numbers of one occurrence of a repeated integer field, packed or not."""
    raw = packed_varints(field.window) if field.wire == BYTES else iter([field.value])
    return [value - (1 << 64) if value >> 63 else value for value in raw]


def _corrupt(message: Window, position: int, what: str) -> CorruptFileError:
    return CorruptFileError(f"not a sound protocol buffer: {what}", location=f"{message.location}, byte {position}")
