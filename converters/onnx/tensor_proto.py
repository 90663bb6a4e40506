"""``TensorProto`` on the wire: what it says of itself, and the places of its values.

Layout: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from candle_spec import limits
from candle_spec.converters.onnx.types import CONTENT, TYPES, DataType
from candle_spec.errors import CorruptFileError, LimitExceededError, UnsupportedFormatError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window

_DIMS: Final = 1
_TYPE: Final = 2
_SEGMENT: Final = 3
_NAME: Final = 8
_EXTERNAL: Final = 13
_LOCATION: Final = 14


@dataclass(slots=True)
class Proto:
    """What a ``TensorProto`` says.

    Attributes:
        window: Where it stands.
        name: Its name, which may be empty.
        number: Number of its data type.
        shape: Its shape.
        content: Its fields with values, by number.
        external: Keys and values of where its values are, if in another file.
        is_external: Whether they are.
    """

    window: Window
    name: str = ""
    number: int = 0
    shape: tuple[int, ...] = ()
    content: dict[int, list[protobuf.Field]] = field(default_factory=dict)
    external: dict[str, str] = field(default_factory=dict)
    is_external: bool = False

    @property
    def place(self) -> str:
        """The file and place in words."""
        return f"{self.window.location}, byte {self.window.offset}"

    @property
    def type(self) -> DataType:
        """Its data type."""
        found = TYPES.get(self.number)
        if found is not None:
            return found
        if not self.number:
            raise CorruptFileError("a tensor states no data type", location=self.place)
        raise UnsupportedFormatError(
            f"the data type {self.number} of ONNX is not known", location=self.place, hint="a newer version may read it"
        )

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of its elements as raw data has them."""
        return -(-self.count * self.type.bits // 8)


def read_proto(window: Window) -> Proto:
    """Read a ``TensorProto``.

    Raises:
        CorruptFileError: It breaks its layout.
        LimitExceededError: Its shape is nonsense.
        UnsupportedFormatError: It is a segment of a tensor.
    """
    proto = Proto(window)
    dims: list[int] = []
    for item in protobuf.fields(window):
        if item.number == _DIMS:
            dims += protobuf.ints(item)
            if len(dims) > limits.TENSOR_RANK:
                raise LimitExceededError(f"a tensor has more than {limits.TENSOR_RANK} axes", location=proto.place)
        elif item.number == _TYPE:
            proto.number = item.signed
        elif item.number == _SEGMENT:
            message = "a tensor is stored in segments, which no version of ONNX defines"
            raise UnsupportedFormatError(message, location=proto.place)
        elif item.number == _NAME:
            proto.name = text_of(item)
        elif item.number == _EXTERNAL:
            key, value = pair(item.window)
            proto.external[key] = value
        elif item.number == _LOCATION:
            proto.is_external = item.value == 1
        elif item.number in CONTENT:
            proto.content.setdefault(item.number, []).append(item)
    proto.shape = _shape(dims, proto)
    return proto


def _shape(dims: list[int], proto: Proto) -> tuple[int, ...]:
    if any(n < 0 for n in dims):
        raise CorruptFileError("an axis of a tensor has a negative length", location=proto.place)
    if math.prod(n or 1 for n in dims) > limits.TENSOR_BYTES:
        raise LimitExceededError(f"a tensor states the shape {dims}", location=proto.place)
    return tuple(dims)


def text_of(item: protobuf.Field) -> str:
    """Return a field's text.

    Raises:
        CorruptFileError: It is no text.
    """
    try:
        return item.window.bytes().decode("utf-8") if item.wire == protobuf.BYTES else ""
    except UnicodeDecodeError as error:
        place = f"{item.window.location}, byte {item.window.offset}"
        raise CorruptFileError("a name is not UTF-8", location=place) from error


def pair(window: Window) -> tuple[str, str]:
    """Return key and value of a ``StringStringEntryProto``."""
    found = {item.number: text_of(item) for item in protobuf.fields(window)}
    return found.get(1, ""), found.get(2, "")
