"""TensorFlow's dtypes: their numbers in its files, and what they are here.

Numbers: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/types.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from candle_spec.converters._shared.encodings import width_of

_REFERENCE: Final = 100
"""Added to the number of a dtype for a reference to a variable of that dtype."""


@dataclass(frozen=True, slots=True)
class DataType:
    """One dtype.

    Attributes:
        name: TensorFlow's name.
        dtype: The logical dtype, ``""`` where values of it are no tensor (resources, variants).
        numbers: Bytes of the numbers in an element, whose order a big-endian file turns round.
    """

    name: str
    dtype: str
    numbers: int = 1

    @property
    def width(self) -> int:
        """Bytes of one element as TensorFlow keeps it: numbers of four or two bits take a byte each."""
        return width_of(self.dtype) if self.dtype not in ("", "BYTES") else 0

    @property
    def attributes(self) -> dict[str, str]:
        """What the logical dtype does not say: that the integers are those of a quantised tensor."""
        return {"native_dtype": self.name} if self.name.startswith(("qint", "quint")) else {}


_TYPES: Final[Mapping[int, DataType]] = {
    1: DataType("float32", "F32", 4),
    2: DataType("float64", "F64", 8),
    3: DataType("int32", "I32", 4),
    4: DataType("uint8", "U8"),
    5: DataType("int16", "I16", 2),
    6: DataType("int8", "I8"),
    7: DataType("string", "BYTES"),
    8: DataType("complex64", "C64", 4),
    9: DataType("int64", "I64", 8),
    10: DataType("bool", "BOOL"),
    # Scale and zero point of quantised integers are not in the tensor, but in the operations that use it.
    11: DataType("qint8", "I8"),
    12: DataType("quint8", "U8"),
    13: DataType("qint32", "I32", 4),
    14: DataType("bfloat16", "BF16", 2),
    15: DataType("qint16", "I16", 2),
    16: DataType("quint16", "U16", 2),
    17: DataType("uint16", "U16", 2),
    18: DataType("complex128", "C128", 8),
    19: DataType("float16", "F16", 2),
    20: DataType("resource", ""),
    21: DataType("variant", ""),
    22: DataType("uint32", "U32", 4),
    23: DataType("uint64", "U64", 8),
    24: DataType("float8_e5m2", "F8_E5M2"),
    25: DataType("float8_e4m3fn", "F8_E4M3"),
    26: DataType("float8_e4m3fnuz", "F8_E4M3FNUZ"),
    27: DataType("float8_e4m3b11fnuz", "F8_E4M3B11FNUZ"),
    28: DataType("float8_e5m2fnuz", "F8_E5M2FNUZ"),
    29: DataType("int4", "I4"),
    30: DataType("uint4", "U4"),
    31: DataType("int2", "I2"),
    32: DataType("uint2", "U2"),
    33: DataType("float4_e2m1fn", "F4"),
}


def data_type(number: int) -> DataType | None:
    """Return a dtype by its number, ``None`` for one that is not known."""
    return _TYPES.get(number - _REFERENCE if number > _REFERENCE else number)
