"""Universal Binary JSON: values of a document, large numeric arrays left where they stand.

Layout: https://ubjson.org/type-reference/ (Draft 12). A value is a marker byte and its content; numbers are
big-endian; a container may state the type (``$``) and the number (``#``) of its values once. XGBoost writes its models
so, with ``[$d#L`` and eight bytes of length before each array of numbers.

Refused: what goes on beyond the document, a key that stands twice, containers nested too deeply, and containers whose
values take no byte at all (``[$Z#`` and a huge number), of which no model has any.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Buffer = bytes | mmap.mmap

_NUMBERS: Final = {
    "i": struct.Struct(">b"),
    "U": struct.Struct(">B"),
    "I": struct.Struct(">h"),
    "l": struct.Struct(">i"),
    "L": struct.Struct(">q"),
    "d": struct.Struct(">f"),
    "D": struct.Struct(">d"),
}
_WHOLE: Final = frozenset("iUIlL")
_CONSTANTS: Final = {"Z": None, "T": True, "F": False}
_NUMPY: Final = {"i": "i1", "U": "u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_NOTHING: Final = "N"


@dataclass(frozen=True, slots=True)
class NumberArray:
    """An array of numbers of one type that stands packed in the document.

    Attributes:
        data: The document.
        marker: Type of the numbers: ``i``, ``U``, ``I``, ``l``, ``L``, ``d`` or ``D``.
        offset: First byte.
        count: Number of numbers.
    """

    data: Buffer
    marker: str
    offset: int
    count: int

    def __len__(self) -> int:
        return self.count

    def numpy(self) -> npt.NDArray[np.generic]:
        """The numbers, copied, in the machine's byte order."""
        import numpy as np

        dtype = np.dtype(_NUMPY[self.marker])
        raw = bytes(self.data[self.offset : self.offset + self.count * dtype.itemsize])
        return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))


def loads(data: Buffer, location: str) -> Any:
    """Return the value of a document: ``dict``, ``list``, :class:`NumberArray`, text, numbers, truth values, ``None``.

    Args:
        data: The whole document.
        location: The file's name, for messages.

    Raises:
        CorruptFileError: It breaks the rules of the format.
        TruncatedFileError: It ends inside a value.
        LimitExceededError: Too deep, too many values, or values that take no bytes.
    """
    reader = _Reader(data, location)
    value = reader.value(reader.marker(), 0)
    if reader.at != len(data):
        raise reader.corrupt(f"{len(data) - reader.at} bytes follow the document")
    return value


def members(data: Buffer, location: str) -> dict[str, tuple[int, int]]:
    """Return where the members of a document that is an object stand: first byte and end of each value.

    A value with its marker is a document of its own.

    Raises:
        CandleSpecError: As :func:`loads`, or the document is no object.
    """
    reader = _Reader(data, location)
    if reader.marker() != "{":
        raise reader.corrupt("the document is not an object")
    spans: dict[str, tuple[int, int]] = {}
    reader.mapping(0, spans)
    return spans


class _Reader:
    def __init__(self, data: Buffer, location: str) -> None:
        self._data = data
        self._location = location
        self._values = 0
        self.at = 0

    def corrupt(self, what: str) -> CorruptFileError:
        return CorruptFileError(f"not sound UBJSON: {what}", location=f"{self._location}, byte {self.at}")

    def marker(self) -> str:
        """Return the next marker; markers that stand for nothing are passed over."""
        while (found := chr(self._take(1)[0])) == _NOTHING:
            pass
        return found

    def value(self, marker: str, depth: int) -> Any:
        """Return the value whose marker was just read."""
        self._values += 1
        if self._values > limits.UBJSON_VALUES:
            raise LimitExceededError(f"more than {limits.UBJSON_VALUES} values", location=self._location)
        if marker in _NUMBERS:
            layout = _NUMBERS[marker]
            return layout.unpack(self._take(layout.size))[0]
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker in ("S", "H"):  # a number of any precision stays the text that it is
            return self._text()
        if marker == "C":
            return self._take(1).decode("latin-1")
        if marker in "[{":
            if depth >= limits.UBJSON_DEPTH:
                message = f"values are nested deeper than {limits.UBJSON_DEPTH}"
                raise LimitExceededError(message, location=f"{self._location}, byte {self.at}")
            return self._array(depth) if marker == "[" else self.mapping(depth)
        raise self.corrupt(f"no value begins with {marker!r}")

    def mapping(self, depth: int, spans: dict[str, tuple[int, int]] | None = None) -> dict[str, Any]:
        """Return the object whose marker was just read; note where its values stand in ``spans``."""
        kind, count = self._head()
        result: dict[str, Any] = {}
        while count is None or len(result) < count:
            marker = self.marker()
            if count is None and marker == "}":
                break
            if marker not in _WHOLE:
                raise self.corrupt("a key has no length")
            key = self._text(marker)
            if key in result:
                raise self.corrupt(f"the key {key[:80]!r} stands twice")
            marker = kind or self.marker()
            start = self.at - (0 if kind else 1)
            result[key] = self.value(marker, depth + 1)
            if spans is not None:
                spans[key] = (start, self.at)
        return result

    def _array(self, depth: int) -> Any:
        kind, count = self._head()
        if kind in _NUMPY and count is not None:
            size = count * _NUMBERS[kind].size
            found = NumberArray(self._data, kind, self.at, count)
            self._need(size)
            self.at += size
            return found
        items: list[Any] = []
        while count is None or len(items) < count:
            marker = kind or self.marker()
            if count is None and marker == "]":
                break
            items.append(self.value(marker, depth + 1))
        return items

    def _head(self) -> tuple[str, int | None]:
        """Return type and number of the values that a container states once: ``""`` and ``None`` where it does not."""
        kind = ""
        if self._peek() == "$":
            self.at += 1
            kind = chr(self._take(1)[0])
            if kind in _CONSTANTS or kind == _NOTHING:
                message = "a container of values that take no bytes: no model has one"
                raise LimitExceededError(message, location=f"{self._location}, byte {self.at}")
            if self._peek() != "#":
                raise self.corrupt("a type is stated for values without their number")
        if self._peek() != "#":
            return kind, None
        self.at += 1
        count = self._whole(self.marker())
        self._need(count)  # each takes a byte at least
        return kind, count

    def _whole(self, marker: str) -> int:
        if marker not in _WHOLE:
            raise self.corrupt("a length is not a whole number")
        layout = _NUMBERS[marker]
        number = int(layout.unpack(self._take(layout.size))[0])
        if number < 0:
            raise self.corrupt(f"a length of {number}")
        return number

    def _text(self, marker: str = "") -> str:
        """Return a text; bytes that are no UTF-8 survive as surrogates."""
        return self._take(self._whole(marker or self.marker())).decode("utf-8", "surrogateescape")

    def _peek(self) -> str:
        self._need(1)
        return chr(self._data[self.at])

    def _take(self, size: int) -> bytes:
        self._need(size)
        self.at += size
        return bytes(self._data[self.at - size : self.at])

    def _need(self, size: int) -> None:
        left = len(self._data) - self.at
        if size > left:
            message = f"the document ends inside a value: {size} bytes are needed, {left} are left"
            raise TruncatedFileError(message, location=f"{self._location}, byte {self.at}")
