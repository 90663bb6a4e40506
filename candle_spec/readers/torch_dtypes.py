"""Torch's dtypes and storage classes in the names of the format. torch is not imported."""

from __future__ import annotations

from typing import Final

# Name of the format's dtype by torch's: https://docs.pytorch.org/docs/stable/tensor_attributes.html
DTYPES: Final = {
    "float32": "F32",
    "float": "F32",
    "float64": "F64",
    "double": "F64",
    "float16": "F16",
    "half": "F16",
    "bfloat16": "BF16",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "short": "I16",
    "int32": "I32",
    "int": "I32",
    "int64": "I64",
    "long": "I64",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "bool": "BOOL",
    "complex32": "C32",
    "chalf": "C32",
    "complex64": "C64",
    "cfloat": "C64",
    "complex128": "C128",
    "cdouble": "C128",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "qint8": "QI8",
    "quint8": "QU8",
    "qint32": "QI32",
    "quint4x2": "QU4",
    "quint2x4": "QU2",
    "float4_e2m1fn_x2": "F4",
}

STORAGES: Final = {
    "FloatStorage": "F32",
    "DoubleStorage": "F64",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
    "ComplexDoubleStorage": "C128",
    "QInt8Storage": "QI8",
    "QUInt8Storage": "QU8",
    "QInt32Storage": "QI32",
    "QUInt4x2Storage": "QU4",
    "QUInt2x4Storage": "QU2",
    "UntypedStorage": "",
}

ITEM_BYTES: Final = {
    **dict.fromkeys(("BOOL", "U8", "I8", "QI8", "QU8"), 1),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0"), 1),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("F32", "I32", "U32", "QI32", "C32"), 4),
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    "C128": 16,
    **dict.fromkeys(("QU4", "QU2", "F4"), 1),
}
"""Bytes of what torch counts as one element; of the last ones several values share it."""

PER_BYTE: Final = {"QU4": 2, "QU2": 4, "F4": 2}
"""Values in a byte, the first in its lowest bits; torch counts values of quantised tensors, and bytes of others."""
