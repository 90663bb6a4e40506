"""ONNX's data types: their numbers in its files, what they are here, and which typed field may hold their values.

Numbers and fields: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, ``TensorProto.DataType``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FLOATS: Final = 4
INT32S: Final = 5
STRINGS: Final = 6
INT64S: Final = 7
RAW: Final = 9
DOUBLES: Final = 10
UINT64S: Final = 11
CONTENT: Final = (FLOATS, INT32S, STRINGS, INT64S, RAW, DOUBLES, UINT64S)
"""Fields of a ``TensorProto`` that hold its values."""


@dataclass(frozen=True, slots=True)
class DataType:
    """One data type.

    Attributes:
        name: ONNX's name.
        dtype: The logical dtype.
        bits: Bits of an element as raw data has it.
        field: The typed field that may hold its values.
        signed: Whether the values are signed integers.
    """

    name: str
    dtype: str
    bits: int
    field: int
    signed: bool = False

    @property
    def packed(self) -> bool:
        """Whether several elements share a byte."""
        return self.bits < 8


TYPES: Final[Mapping[int, DataType]] = {
    1: DataType("FLOAT", "F32", 32, FLOATS),
    2: DataType("UINT8", "U8", 8, INT32S),
    3: DataType("INT8", "I8", 8, INT32S, signed=True),
    4: DataType("UINT16", "U16", 16, INT32S),
    5: DataType("INT16", "I16", 16, INT32S, signed=True),
    6: DataType("INT32", "I32", 32, INT32S, signed=True),
    7: DataType("INT64", "I64", 64, INT64S, signed=True),
    8: DataType("STRING", "STR", 0, STRINGS),
    9: DataType("BOOL", "BOOL", 8, INT32S),
    10: DataType("FLOAT16", "F16", 16, INT32S),
    11: DataType("DOUBLE", "F64", 64, DOUBLES),
    12: DataType("UINT32", "U32", 32, UINT64S),
    13: DataType("UINT64", "U64", 64, UINT64S),
    14: DataType("COMPLEX64", "C64", 64, FLOATS),
    15: DataType("COMPLEX128", "C128", 128, DOUBLES),
    16: DataType("BFLOAT16", "BF16", 16, INT32S),
    17: DataType("FLOAT8E4M3FN", "F8_E4M3", 8, INT32S),
    18: DataType("FLOAT8E4M3FNUZ", "F8_E4M3FNUZ", 8, INT32S),
    19: DataType("FLOAT8E5M2", "F8_E5M2", 8, INT32S),
    20: DataType("FLOAT8E5M2FNUZ", "F8_E5M2FNUZ", 8, INT32S),
    21: DataType("UINT4", "U4", 4, INT32S),
    22: DataType("INT4", "I4", 4, INT32S),
    23: DataType("FLOAT4E2M1", "F4", 4, INT32S),
    24: DataType("FLOAT8E8M0", "F8_E8M0", 8, INT32S),
    25: DataType("UINT2", "U2", 2, INT32S),
    26: DataType("INT2", "I2", 2, INT32S),
    27: DataType("FLOAT6E2M3", "F6_E2M3", 6, INT32S),
    28: DataType("FLOAT6E3M2", "F6_E3M2", 6, INT32S),
}


def dtype_name(number: int) -> str:
    """Return the logical dtype of a number, ``""`` where there is none."""
    found = TYPES.get(number)
    return found.dtype if found is not None else ""
