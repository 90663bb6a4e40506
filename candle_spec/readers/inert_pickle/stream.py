"""The bytes of a pickle, read within bounds: every length is compared with what is left before anything is taken."""

from __future__ import annotations

import struct
from typing import Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError

_FORMS: Final = {form: struct.Struct("<" + form) for form in "BHIQi"}


class Stream:
    """A position in bytes.

    Attributes:
        data: The stream, or a file that holds it.
        at: Position of the next byte.
        end: Position up to which it is read.
        location: The file in words, for errors.
    """

    def __init__(self, data: memoryview, start: int, location: str) -> None:
        self.data = data
        self.at = start
        self.location = location
        self.end = min(len(data), start + limits.PICKLE_BYTES)

    def take(self, count: int) -> memoryview:
        """Return the next bytes.

        Raises:
            TruncatedFileError: There are not so many.
            LimitExceededError: They are beyond what is read of one pickle.
        """
        if count < 0 or count > self.end - self.at:
            if 0 <= count <= len(self.data) - self.at:
                raise LimitExceededError(f"a pickle of more than {limits.PICKLE_BYTES} bytes", location=self.location)
            raise self.cut_off(f"the pickle ends early: {count} bytes wanted, {self.end - self.at} left", self.at)
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        """Return the next byte."""
        if self.at >= self.end:
            self.take(1)  # says why there is none
        self.at += 1
        return self.data[self.at - 1]

    def number(self, form: str) -> int:
        """Return the next little-endian integer, by its letter in :mod:`struct`."""
        known = _FORMS[form]
        if known.size > self.end - self.at:
            self.take(known.size)  # says why there is none
        self.at += known.size
        return int(known.unpack_from(self.data, self.at - known.size)[0])

    def line(self) -> bytes:
        """Return what stands before the next line feed, and pass over it."""
        window = 1 << 12
        begin = self.at
        while True:
            chunk = bytes(self.data[begin : min(begin + window, self.end)])
            newline = chunk.find(b"\n")
            if newline >= 0:
                self.at = begin + newline + 1
                return chunk[:newline]
            if begin + window >= self.end:
                raise self.cut_off("the pickle ends inside a line", begin)
            window *= 4

    def skip(self, size: int) -> memoryview:
        """Pass over bytes that stay where they are."""
        if size > len(self.data) - self.at:
            raise self.cut_off(f"the pickle ends early: {size} bytes wanted, {len(self.data) - self.at} left", self.at)
        self.at += size
        self.end = min(len(self.data), self.end + size)
        return self.data[self.at - size : self.at]

    def corrupt(self, message: str, position: int) -> CorruptFileError:
        """Return the error of a stream that breaks the rules."""
        return CorruptFileError(
            message, location=f"{self.location}, byte {position}", hint="the file was changed, or is hostile"
        )

    def cut_off(self, message: str, position: int) -> TruncatedFileError:
        """Return the error of a stream that ends too early."""
        return TruncatedFileError(message, location=f"{self.location}, byte {position}", hint="fetch it again")
