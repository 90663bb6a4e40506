"""The bytes of a pickle, read within bounds: every length is compared with what is left before anything is taken."""

from __future__ import annotations

import struct

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError


class Stream:
    """A position in bytes.

    Attributes:
        data: The stream, or a file that holds it.
        at: Position of the next byte.
        location: The file in words, for errors.
    """

    def __init__(self, data: memoryview, start: int, location: str) -> None:
        self.data = data
        self.at = start
        self.location = location
        self._end = min(len(data), start + limits.PICKLE_BYTES)

    def take(self, count: int) -> memoryview:
        """Return the next bytes.

        Raises:
            TruncatedFileError: There are not so many.
            LimitExceededError: They are beyond what is read of one pickle.
        """
        if count < 0 or count > self._end - self.at:
            if 0 <= count <= len(self.data) - self.at:
                raise LimitExceededError(f"a pickle of more than {limits.PICKLE_BYTES} bytes", location=self.location)
            raise self.cut_off(f"the pickle ends early: {count} bytes wanted, {self._end - self.at} left", self.at)
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form: str) -> int:
        """Return the next little-endian integer, by its letter in :mod:`struct`."""
        return int(struct.unpack("<" + form, self.take(struct.calcsize(form)))[0])

    def line(self) -> bytes:
        """Return what stands before the next line feed, and pass over it."""
        window = 1 << 12
        begin = self.at
        while True:
            chunk = bytes(self.data[begin : min(begin + window, self._end)])
            newline = chunk.find(b"\n")
            if newline >= 0:
                self.at = begin + newline + 1
                return chunk[:newline]
            if begin + window >= self._end:
                raise self.cut_off("the pickle ends inside a line", begin)
            window *= 4

    def skip(self, size: int) -> memoryview:
        """Pass over bytes that stay where they are."""
        if size > len(self.data) - self.at:
            raise self.cut_off(f"the pickle ends early: {size} bytes wanted, {len(self.data) - self.at} left", self.at)
        self.at += size
        self._end = min(len(self.data), self._end + size)
        return self.data[self.at - size : self.at]

    def corrupt(self, message: str, position: int) -> CorruptFileError:
        """Return the error of a stream that breaks the rules."""
        return CorruptFileError(
            message, location=f"{self.location}, byte {position}", hint="the file was changed, or is hostile"
        )

    def cut_off(self, message: str, position: int) -> TruncatedFileError:
        """Return the error of a stream that ends too early."""
        return TruncatedFileError(message, location=f"{self.location}, byte {position}", hint="fetch it again")
