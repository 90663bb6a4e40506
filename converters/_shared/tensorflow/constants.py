"""Constants of a TensorFlow graph: a ``TensorProto`` holds raw bytes, or numbers of which the last one is repeated.

Layout: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/tensor.proto.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.converters._shared.encodings import parts_of
from candle_spec.converters._shared.tensorflow.types import DataType, data_type
from candle_spec.digests import BLOCK
from candle_spec.errors import CorruptFileError, LimitExceededError, UnsupportedFormatError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window
from candle_spec.readers.tensor_bundle import shape_of
from candle_spec.weights.sources import Bytes, Encoding, FileBytes, MadeBytes, MemoryBytes, Part
from candle_spec.weights.strings import stored_strings

_CONTENT: Final = 4
_STRINGS: Final = 8
_HALF: Final = 13
_FLOAT8: Final = 18
_VERBATIM: Final[Mapping[str, int]] = {"F32": 5, "F64": 6, "C64": 9, "C128": 12}
"""Fields whose numbers stand in the file as they are in memory."""
_VARINTS: Final[Mapping[str, int]] = {"I64": 10, "BOOL": 11, "F16": _HALF, "BF16": _HALF, "U32": 16, "U64": 17}
_INTEGERS: Final = 7


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a constant.

    Attributes:
        dtype: Logical dtype.
        shape: Its shape.
        parts: Stored arrays.
        encoding: How they are stored, if encoded.
        attributes: What the dtype does not say.
        verbatim: The field whose content is the tensor's bytes as they are stored, where there is one.
        made: Bytes that are made from a repeated last value, or decoded.
        repeated: Whether the last value is repeated.
    """

    dtype: str
    shape: tuple[int, ...]
    parts: Mapping[str, Part]
    encoding: Encoding | None
    attributes: Mapping[str, Any]
    verbatim: protobuf.Field | None = None
    made: int = 0
    repeated: bool = False

    @property
    def size(self) -> int:
        """Number of bytes of all parts."""
        return sum(part.data.size for part in self.parts.values())


@dataclass(frozen=True, slots=True)
class Constants:
    """Reads constants of one file."""

    path: Path

    def read(self, message: Window, known: tuple[int, tuple[int, ...]] | None = None) -> Value | None:
        """Return the value of a ``TensorProto``, ``None`` if it is of a kind that no tensor holds.

        Args:
            message: The message, a window on the file or in memory.
            known: Number of its dtype and its shape, where it does not state them itself; no number is repeated then.

        Raises:
            CorruptFileError: The numbers do not fit the shape.
            UnsupportedFormatError: The dtype is not known.
            LimitExceededError: Very many strings are made from few.
        """
        proto = _proto(message)
        if known is not None:
            proto.dtype, proto.shape = known
        found = data_type(proto.dtype)
        if found is None:
            text = f"the dtype {proto.dtype} of TensorFlow is not known"
            raise UnsupportedFormatError(text, location=message.location)
        if not found.dtype:
            return None
        value = self._value(proto, found, message)
        if known is not None and value.repeated:
            raise CorruptFileError("a tensor lacks numbers", location=_at(message))
        return value

    def _value(self, proto: _Proto, found: DataType, message: Window) -> Value:
        if proto.shape is None:
            raise CorruptFileError("a constant without a whole shape", location=_at(message))
        if found.dtype == "BYTES":
            return self._strings(proto, found, message)
        content, data = self._numbers(proto, found, message)
        parts, encoding = parts_of(found.dtype, proto.shape, data)
        return Value(
            found.dtype,
            proto.shape,
            parts,
            encoding,
            found.attributes,
            verbatim=content,
            made=0 if content is not None else data.size,
            repeated=isinstance(data, MadeBytes),
        )

    def _numbers(self, proto: _Proto, found: DataType, message: Window) -> tuple[protobuf.Field | None, Bytes]:
        count = math.prod(proto.shape or ())
        size = count * found.width
        content = proto.last(_CONTENT)
        if content is None or not content.window.size:
            content = _whole(proto, found, size)
        if content is not None:
            if content.window.size != size:
                text = f"a constant has {content.window.size} bytes, its shape {size}"
                raise CorruptFileError(text, location=_at(message))
            if isinstance(message.data, bytes):
                return content, MemoryBytes(content.window.bytes())
            return content, FileBytes(self.path, content.window.offset, size)
        head = b"".join(_items(proto, found, message))
        if len(head) > size:
            raise CorruptFileError(f"a constant has {len(head)} bytes, its shape {size}", location=_at(message))
        if len(head) == size:
            return None, MemoryBytes(head)
        last = head[-found.width :] if head else bytes(found.width)
        repeated = _Repeated(head, last, size)
        return None, MadeBytes(size, repeated.blocks)

    def _strings(self, proto: _Proto, found: DataType, message: Window) -> Value:
        shape = proto.shape or ()
        count = math.prod(shape)
        content = proto.last(_CONTENT)
        if content is not None and content.window.size:
            raise UnsupportedFormatError("strings of a constant are kept as raw content", location=_at(message))
        items = [item.window.bytes() for item in proto.fields.get(_STRINGS, ())]
        last = items[-1] if items else b""
        if len(items) > count:
            raise CorruptFileError(f"{len(items)} strings for a shape of {count}", location=_at(message))
        made = count * 8 + (count - len(items)) * len(last)
        if made > limits.GRAPH_CONSTANTS:
            raise LimitExceededError(f"{count} strings are made from {len(items)}", location=_at(message))
        repeated = len(items) < count
        items += [last] * (count - len(items))
        _, parts, encoding = stored_strings(items, text=False)
        return Value(found.dtype, shape, parts, encoding, {}, made=made, repeated=repeated)


@dataclass(slots=True)
class _Proto:
    dtype: int = 0
    shape: tuple[int, ...] | None = ()
    fields: dict[int, list[protobuf.Field]] = field(default_factory=dict)

    def last(self, number: int) -> protobuf.Field | None:
        """Return the last occurrence of a field: the one that counts."""
        return self.fields[number][-1] if number in self.fields else None


def _proto(message: Window) -> _Proto:
    proto = _Proto()
    for item in protobuf.fields(message):
        if item.number == 1:
            proto.dtype = item.signed
        elif item.number == 2:
            proto.shape = shape_of(item.window)
        else:
            proto.fields.setdefault(item.number, []).append(item)
    return proto


def _whole(proto: _Proto, found: DataType, size: int) -> protobuf.Field | None:
    """Return the one packed field that holds all numbers as they are in memory."""
    rows = proto.fields.get(_VERBATIM.get(found.dtype, _FLOAT8 if found.name.startswith("float8") else 0), [])
    one = len(rows) == 1 and rows[0].wire == protobuf.BYTES and rows[0].window.size == size and size
    return rows[0] if one else None


def _items(proto: _Proto, found: DataType, message: Window) -> Iterator[bytes]:
    """Yield the bytes of the numbers that are written out."""
    number = _VERBATIM.get(found.dtype)
    if number is not None or found.name.startswith("float8"):
        for item in proto.fields.get(number or _FLOAT8, ()):
            if item.window.size % found.width and found.dtype not in ("C64", "C128"):
                raise CorruptFileError("a constant ends inside a number", location=_at(message))
            yield item.window.bytes()
        return
    modulus = 1 << (8 * found.width)
    for item in proto.fields.get(_VARINTS.get(found.dtype, _INTEGERS), ()):
        for value in protobuf.ints(item):
            number_of = int(value != 0) if found.dtype == "BOOL" else value % modulus
            yield number_of.to_bytes(found.width, "little")


@dataclass(frozen=True, slots=True)
class _Repeated:
    """Numbers of which the last one is repeated."""

    head: bytes
    last: bytes
    size: int

    def blocks(self) -> Iterator[bytes | memoryview]:
        if self.head:
            yield self.head
        left = self.size - len(self.head)
        block = self.last * max(1, min(left, BLOCK) // len(self.last))
        while left:
            yield block[: min(left, len(block))]
            left -= min(left, len(block))


def _at(message: Window) -> str:
    return f"{message.location}, byte {message.offset}"
