"""Numbers of a packed field of a protocol buffer, many at a time, as the elements that they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec.errors import CorruptFileError
from candle_spec.weights.sources import Bytes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LONGEST: Final = 10
_LAST: Final = 0x80
"""Bytes below this end a number."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers that stand one after the other.

    Attributes:
        source: Their bytes.
        width: Bytes of an element.
        bits: Bits of an element that may be set.
        signed: Whether they may be negative.
        location: The file and place in words, for errors.
    """

    source: Bytes
    width: int
    bits: int
    signed: bool
    location: str

    def count(self) -> int:
        """Return how many they are."""
        import numpy as np

        return sum(int(np.count_nonzero(np.frombuffer(b, np.uint8) < _LAST)) for b in self.source.blocks())

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield the elements, little-endian.

        Raises:
            CorruptFileError: A number is cut off or too long, or no value of the data type.
        """
        import numpy as np

        rest = b""
        for block in self.source.blocks():
            data = np.frombuffer(rest + bytes(block), np.uint8)
            ends = np.flatnonzero(data < _LAST)
            used = int(ends[-1]) + 1 if len(ends) else 0
            rest = data[used:].tobytes()
            if len(rest) >= _LONGEST:
                raise CorruptFileError("a number is longer than 10 bytes", location=self.location)
            if used:
                yield self._elements(_decoded(data[:used], ends, self.location))
        if rest:
            raise CorruptFileError("the last number of a tensor is cut off", location=self.location)

    def _elements(self, values: npt.NDArray[np.uint64]) -> bytes:
        """Return numbers as elements; those that do not fit are refused, not wrapped round."""
        import numpy as np

        if self.bits < 64:
            whole = values.view(np.int64)
            # A file may state small numbers as the signed ones of the same bits.
            lowest = -(1 << (self.bits - 1)) if self.signed or self.bits < 32 else 0
            if len(whole) and (int(whole.min()) < lowest or int(whole.max()) >= 1 << self.bits):
                raise CorruptFileError("a number of a tensor does not fit its data type", location=self.location)
        return values.astype(f"<u{self.width}").tobytes()


def _decoded(data: npt.NDArray[np.uint8], ends: npt.NDArray[Any], location: str) -> npt.NDArray[np.uint64]:
    import numpy as np

    starts = np.concatenate([np.zeros(1, ends.dtype), ends[:-1] + 1])
    lengths = ends - starts + 1
    longest = int(lengths.max())
    if longest > _LONGEST:
        raise CorruptFileError("a number is longer than 10 bytes", location=location)
    values = np.zeros(len(ends), np.uint64)
    for index in range(longest):
        longer = lengths > index
        bits = data[starts[longer] + index].astype(np.uint64) & np.uint64(0x7F)
        values[longer] |= bits << np.uint64(7 * index)
    return values
