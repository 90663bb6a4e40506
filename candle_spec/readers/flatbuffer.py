"""FlatBuffers: tables by the numbers of their fields, every offset checked against the data.

Layout: https://flatbuffers.dev/internals/. A table begins with the distance to its list of field offsets; tables,
vectors and strings are referred to by distances. A stranger's file may point anywhere: it is followed only inside the
data, and how much is followed is bounded.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import Any

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError


class Buffer:
    """The data of one file, and how often it was looked at.

    Args:
        data: The data.
        location: For messages.
    """

    def __init__(self, data: bytes | mmap.mmap, location: str) -> None:
        self.data = data
        self.location = location
        self._looks = 0

    def number(self, form: str, at: int) -> Any:
        """Return a little-endian number.

        Raises:
            CorruptFileError: It would lie outside the data.
            LimitExceededError: Numbers without end were looked at.
        """
        self._looks += 1
        if self._looks > limits.FLATBUFFER_LOOKS:
            raise LimitExceededError("the tables refer to each other without end", location=self.location)
        width = struct.calcsize("<" + form)
        if not 0 <= at <= len(self.data) - width:
            raise CorruptFileError("an offset leads out of the file", location=f"{self.location}, byte {at}")
        return struct.unpack_from("<" + form, self.data, at)[0]

    def root(self) -> Table:
        """Return the root table."""
        return Table(self, self.number("I", 0))


@dataclass(frozen=True, slots=True)
class Table:
    """One table: the buffer and the position at which it begins."""

    buffer: Buffer
    at: int

    def _field(self, number: int) -> int:
        """Return the position of a field, 0 if it is not there."""
        listing = self.at - self.buffer.number("i", self.at)
        size = self.buffer.number("H", listing)
        place = 4 + 2 * number
        offset = self.buffer.number("H", listing + place) if place + 2 <= size else 0
        return self.at + offset if offset else 0

    def scalar(self, number: int, form: str, default: int = 0) -> int:
        """Return a number, or its default where it is not there."""
        at = self._field(number)
        return int(self.buffer.number(form, at)) if at else default

    def table(self, number: int) -> Table | None:
        """Return an inner table."""
        at = self._field(number)
        return Table(self.buffer, at + self.buffer.number("I", at)) if at else None

    def vector(self, number: int, width: int) -> tuple[int, int] | None:
        """Return where the items of a vector begin, and how many there are; they lie in the data.

        Raises:
            CorruptFileError: They do not.
        """
        at = self._field(number)
        if not at:
            return None
        start = at + self.buffer.number("I", at)
        count = self.buffer.number("I", start)
        if start + 4 + count * width > len(self.buffer.data):
            raise CorruptFileError("a vector is longer than the file", location=f"{self.buffer.location}, byte {start}")
        return start + 4, int(count)

    def tables(self, number: int) -> list[Table]:
        """Return a vector of tables."""
        start, count = self.vector(number, 4) or (0, 0)
        return [Table(self.buffer, at + self.buffer.number("I", at)) for at in range(start, start + 4 * count, 4)]

    def numbers(self, number: int, form: str) -> list[Any]:
        """Return a vector of numbers."""
        start, count = self.vector(number, struct.calcsize("<" + form)) or (0, 0)
        if count > limits.FLATBUFFER_LOOKS:
            raise LimitExceededError(f"a list of {count} numbers", location=self.buffer.location)
        return list(struct.unpack_from(f"<{count}{form}", self.buffer.data, start)) if count else []

    def text(self, number: int) -> str:
        """Return a string, ``""`` where there is none."""
        start, count = self.vector(number, 1) or (0, 0)
        return bytes(self.buffer.data[start : start + count]).decode("utf-8", "backslashreplace")
