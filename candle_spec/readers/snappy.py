"""Snappy blocks, unpacked. Layout: https://github.com/google/snappy/blob/main/format_description.txt."""

from __future__ import annotations

from typing import Final

from candle_spec.errors import CorruptFileError, LimitExceededError

_LITERAL, _COPY_1, _COPY_2 = 0, 1, 2
_SHORT_LITERAL: Final = 60
_MOST_PER_BYTE: Final = 64
"""Unpacked bytes that one packed byte can stand for: a copy of 64 bytes takes three."""


def unpack(packed: bytes, limit: int, location: str) -> bytes:
    """Return the unpacked bytes of a block.

    Args:
        packed: The block.
        limit: The most bytes that may come out.
        location: The file and place in words, for errors.

    Raises:
        CorruptFileError: It is no snappy block.
        LimitExceededError: It says that more comes out of it.
    """
    size, position = _length(packed, location)
    if size > limit:
        raise LimitExceededError(f"a packed block of {size} bytes, more than {limit}", location=location)
    if size > _MOST_PER_BYTE * len(packed):
        raise CorruptFileError(f"{len(packed)} packed bytes cannot hold {size}", location=location)
    out = bytearray()
    while position < len(packed):
        position = _element(packed, position, out, location)
        if len(out) > size:
            raise CorruptFileError("a packed block holds more than it says", location=location)
    if len(out) != size:
        raise CorruptFileError("a packed block holds less than it says", location=location)
    return bytes(out)


def _length(packed: bytes, location: str) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(packed[:5]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, index + 1
    raise CorruptFileError("a packed block without its length", location=location)


def _element(packed: bytes, position: int, out: bytearray, location: str) -> int:
    """Add one literal or copy to ``out``; return the position after it."""
    tag = packed[position]
    kind, high = tag & 3, tag >> 2
    if kind == _LITERAL:
        extra = max(0, high - _SHORT_LITERAL + 1)
        start = position + 1 + extra
        length = (int.from_bytes(packed[position + 1 : start], "little") if extra else high) + 1
        if start + length > len(packed):
            raise CorruptFileError("a literal goes beyond its packed block", location=location)
        out += packed[start : start + length]
        return start + length
    width = {_COPY_1: 1, _COPY_2: 2}.get(kind, 4)
    after = position + 1 + width
    offset = int.from_bytes(packed[position + 1 : after], "little")
    length = high + 1
    if kind == _COPY_1:
        offset |= (tag >> 5) << 8
        length = (high & 7) + 4
    if after > len(packed) or not 0 < offset <= len(out):
        raise CorruptFileError("a copy from outside of its packed block", location=location)
    while length:
        piece = out[len(out) - offset : len(out) - offset + min(length, offset)]
        out += piece
        length -= len(piece)
    return after
