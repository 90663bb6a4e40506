"""MessagePack with the positions of its bytes, read without holding them (https://github.com/msgpack/msgpack).

Arrays and texts of a file are compared with what is left of it before they are made; byte strings and extensions are
given by their place in the file.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError

Data = bytes | mmap.mmap


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes that stand in the data: a byte string (``code`` is ``None``) or an extension."""

    offset: int
    size: int
    code: int | None = None


@dataclass(eq=False, slots=True)
class Pairs:
    """A map, as pairs in their order: keys of strangers are not hashed."""

    pairs: list[tuple[Any, Any]]

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a text key."""
        return next((value for name, value in self.pairs if isinstance(name, str) and name == key), default)


class Reader:
    """Reads values one after the other.

    Args:
        data: The data.
        start: First byte.
        end: Byte after the last one.
        location: For messages.

    Attributes:
        at: Position of the next value.
        extensions: Number of extensions read so far.
    """

    def __init__(self, data: Data, start: int, end: int, location: str) -> None:
        self._data = data
        self._end = end
        self._location = location
        self._values = 0
        self.extensions = 0
        self.at = start

    def value(self, depth: int = 0) -> Any:
        """Return the next value.

        Raises:
            CorruptFileError: It is none.
            TruncatedFileError: The data end inside it.
            LimitExceededError: It is nested too deeply, or holds too many values.
        """
        self._values += 1
        if depth > limits.MSGPACK_DEPTH or self._values > limits.MSGPACK_VALUES:
            raise LimitExceededError("the values are too many, or nested too deeply", location=self._place())
        code = self._take(1)[0]
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 0x100
        if code < 0x90:
            return self._map(code & 0x0F, depth)
        if code < 0xA0:
            return self._array(code & 0x0F, depth)
        if code < 0xC0:
            return self._text(code & 0x1F)
        handler = _HANDLERS.get(code)
        if handler is None:
            raise CorruptFileError(f"the byte {code:#x} begins no value", location=self._place())
        return handler(self, depth)

    def _place(self) -> str:
        return f"{self._location}, byte {self.at}"

    def _take(self, count: int) -> bytes:
        if count > self._end - self.at:
            message = f"the data end early: {count} bytes wanted, {self._end - self.at} left"
            raise TruncatedFileError(message, location=self._place(), hint="fetch the file again")
        self.at += count
        return bytes(self._data[self.at - count : self.at])

    def number(self, form: str) -> Any:
        """Return a number of fixed width."""
        return struct.unpack(">" + form, self._take(struct.calcsize(form)))[0]

    def _skip(self, size: int, code: int | None = None) -> Place:
        if size > self._end - self.at:
            message = f"the data end early: {size} bytes wanted, {self._end - self.at} left"
            raise TruncatedFileError(message, location=self._place(), hint="fetch the file again")
        self.at += size
        return Place(self.at - size, size, code)

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorruptFileError("a text is not UTF-8", location=self._place()) from error

    def _array(self, count: int, depth: int) -> list[Any]:
        self._check(count)
        return [self.value(depth + 1) for _ in range(count)]

    def _map(self, count: int, depth: int) -> Pairs:
        self._check(2 * count)
        return Pairs([(self.value(depth + 1), self.value(depth + 1)) for _ in range(count)])

    def _check(self, count: int) -> None:
        """Every value takes a byte at least."""
        if count > self._end - self.at:
            raise TruncatedFileError(f"{count} values in {self._end - self.at} bytes", location=self._place())

    def extension(self, size: int) -> Place:
        """Return the place of an extension whose code comes next."""
        code = struct.unpack("b", self._take(1))[0]
        self.extensions += 1
        return self._skip(size, code)


def read_one(data: Data, start: int, end: int, location: str) -> Any:
    """Return the one value that fills the data.

    Raises:
        CorruptFileError: Something follows it.
    """
    reader = Reader(data, start, end, location)
    value = reader.value()
    if reader.at != end:
        raise CorruptFileError(f"{end - reader.at} bytes follow the value", location=f"{location}, byte {reader.at}")
    return value


_HANDLERS: Final[dict[int, Callable[[Reader, int], Any]]] = {
    0xC0: lambda r, d: None,
    0xC2: lambda r, d: False,
    0xC3: lambda r, d: True,
    0xC4: lambda r, d: r._skip(r.number("B")),
    0xC5: lambda r, d: r._skip(r.number("H")),
    0xC6: lambda r, d: r._skip(r.number("I")),
    0xC7: lambda r, d: r.extension(r.number("B")),
    0xC8: lambda r, d: r.extension(r.number("H")),
    0xC9: lambda r, d: r.extension(r.number("I")),
    0xCA: lambda r, d: r.number("f"),
    0xCB: lambda r, d: r.number("d"),
    0xCC: lambda r, d: r.number("B"),
    0xCD: lambda r, d: r.number("H"),
    0xCE: lambda r, d: r.number("I"),
    0xCF: lambda r, d: r.number("Q"),
    0xD0: lambda r, d: r.number("b"),
    0xD1: lambda r, d: r.number("h"),
    0xD2: lambda r, d: r.number("i"),
    0xD3: lambda r, d: r.number("q"),
    0xD4: lambda r, d: r.extension(1),
    0xD5: lambda r, d: r.extension(2),
    0xD6: lambda r, d: r.extension(4),
    0xD7: lambda r, d: r.extension(8),
    0xD8: lambda r, d: r.extension(16),
    0xD9: lambda r, d: r._text(r.number("B")),
    0xDA: lambda r, d: r._text(r.number("H")),
    0xDB: lambda r, d: r._text(r.number("I")),
    0xDC: lambda r, d: r._array(r.number("H"), d),
    0xDD: lambda r, d: r._array(r.number("I"), d),
    0xDE: lambda r, d: r._map(r.number("H"), d),
    0xDF: lambda r, d: r._map(r.number("I"), d),
}
