"""CRC-32C (Castagnoli), as TensorFlow and LevelDB use it, with NumPy alone.

The remainder of a message is linear, so a stretch at its beginning may be XORed into later places as long as the
places, as powers of ``x``, are congruent modulo the polynomial. ``x^266 + x^143 + x^121 + x^88 + x^71 + 1`` is a
multiple of the Castagnoli polynomial, and so is the same with every exponent multiplied by a power of two: whole rows
of bytes are folded forward at the speed of memory, until what is left is short enough for a table. The method is
that of https://doi.org/10.48550/arXiv.2412.16398; the polynomial is that of https://www.rfc-editor.org/rfc/rfc3720.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_REVERSED: Final = 0x82F63B78
MULTIPLE: Final = (266, 143, 121, 88, 71, 0)
"""Exponents of a multiple of the polynomial with few terms; the large first step lets many rows be folded at once."""

_STEPS: Final = tuple(MULTIPLE[0] - exponent for exponent in MULTIPLE[1:])
_ROWS: Final = (256, 16, 1)
_SHORT: Final = 512
_MASK_DELTA: Final = 0xA282EAD8


@cache
def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_REVERSED if value & 1 else 0)
        rows.append(value)
    return tuple(rows)


def _by_table(data: bytes, value: int) -> int:
    table = _table()
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value


def crc32c(data: bytes | memoryview) -> int:
    """Return the checksum of some bytes."""
    state = Crc32c()
    state.update(data)
    return state.value()


def masked(value: int) -> int:
    """Return a checksum as LevelDB and TensorFlow store it: rotated and moved, so that it is no checksum of itself."""
    return (((value >> 15) | (value << 17)) + _MASK_DELTA) & 0xFFFFFFFF


class Crc32c:
    """The checksum of bytes that come in blocks."""

    def __init__(self) -> None:
        self._start = bytearray()
        self._left: npt.NDArray[np.uint8] | None = None

    def update(self, block: bytes | memoryview) -> None:
        """Add a block."""
        if self._left is None and len(self._start) + len(block) < _SHORT:
            self._start += block
            return
        import numpy as np

        new = np.frombuffer(block, np.uint8)
        if self._left is None:
            joined = np.concatenate([np.frombuffer(bytes(self._start), np.uint8), new])
            joined[:4] ^= 0xFF
        else:
            joined = np.concatenate([self._left, new])
        self._left = _fold(joined, _ROWS[0])

    def value(self) -> int:
        """Return the checksum of all blocks so far."""
        if self._left is None:
            return _by_table(bytes(self._start), 0xFFFFFFFF) ^ 0xFFFFFFFF
        left = self._left.copy()
        for row in _ROWS[1:]:
            left = _fold(left, row)
        return _by_table(left.tobytes(), 0) ^ 0xFFFFFFFF


def _fold(data: npt.NDArray[Any], row: int) -> npt.NDArray[Any]:
    """Fold leading rows forward, in place, until the rows that the multiple needs are all that is left."""
    position, size = 0, len(data)
    while (rows := min((size - position) // row - MULTIPLE[0], _STEPS[0])) > 0:
        length = rows * row
        lead = data[position : position + length]
        for step in _STEPS:
            at = position + step * row
            data[at : at + length] ^= lead
        position += length
    return data[position:]
