"""The one table of dtypes: names of the format, what safetensors stores, NumPy's name, size.

A *stored* dtype is one that a safetensors file may hold. A *logical* dtype is what the tensor is; where safetensors
has no match, the tensor is stored encoded (:mod:`candle_spec.weights.encodings`). Names are those of safetensors
(https://github.com/huggingface/safetensors), extended in the same manner.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec.errors import UnsupportedFormatError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class DType:
    """One dtype: its name, bits per element, NumPy (or ml_dtypes) name, whether safetensors stores it."""

    name: str
    bits: int
    numpy: str
    stored: bool = True

    @property
    def in_place(self) -> bool:
        """Whether a safetensors file holds its elements as NumPy does: where they are whole bytes."""
        return self.stored and not self.bits % 8


_ROWS: Final = (
    DType("BOOL", 8, "bool"),
    DType("U8", 8, "uint8"),
    DType("I8", 8, "int8"),
    DType("U16", 16, "uint16"),
    DType("I16", 16, "int16"),
    DType("U32", 32, "uint32"),
    DType("I32", 32, "int32"),
    DType("U64", 64, "uint64"),
    DType("I64", 64, "int64"),
    DType("F16", 16, "float16"),
    DType("BF16", 16, "bfloat16"),
    DType("F32", 32, "float32"),
    DType("F64", 64, "float64"),
    DType("C64", 64, "complex64"),
    DType("F8_E4M3", 8, "float8_e4m3fn"),
    DType("F8_E5M2", 8, "float8_e5m2"),
    DType("F8_E4M3FNUZ", 8, "float8_e4m3fnuz"),
    DType("F8_E5M2FNUZ", 8, "float8_e5m2fnuz"),
    DType("F8_E8M0", 8, "float8_e8m0fnu"),
    DType("F6_E2M3", 6, "float6_e2m3fn"),
    DType("F6_E3M2", 6, "float6_e3m2fn"),
    DType("F4", 4, "float4_e2m1fn"),
    # Logical only: stored encoded.
    DType("C128", 128, "complex128", stored=False),
    DType("C32", 32, "", stored=False),
    DType("F80", 80, "", stored=False),
    DType("F128", 128, "", stored=False),
    DType("F8_E3M4", 8, "float8_e3m4", stored=False),
    DType("F8_E4M3B11FNUZ", 8, "float8_e4m3b11fnuz", stored=False),
    DType("I4", 4, "int4", stored=False),
    DType("U4", 4, "uint4", stored=False),
    DType("I2", 2, "int2", stored=False),
    DType("U2", 2, "uint2", stored=False),
    DType("QI8", 8, "", stored=False),
    DType("QU8", 8, "", stored=False),
    DType("QI32", 32, "", stored=False),
    DType("QU4", 4, "", stored=False),
    DType("QU2", 2, "", stored=False),
    DType("STR", 0, "", stored=False),
    DType("BYTES", 0, "", stored=False),
    DType("STRUCT", 0, "", stored=False),
)

DTYPES: Final = {row.name: row for row in _ROWS}
STORED: Final = {row.name: row for row in _ROWS if row.stored}
_BY_NUMPY: Final = {row.numpy: row for row in _ROWS if row.numpy}
_ML_DTYPES: Final = frozenset(
    row.numpy
    for row in _ROWS
    if row.numpy.startswith(("bfloat", "float8_", "float6_", "float4_", "int4", "uint4", "int2", "uint2"))
)
WIDE: Final = {"F80": (63, (10, 12, 16)), "F128": (112, (16,))}
"""Floats that NumPy calls ``longdouble``, or not at all: bits of their fraction, and bytes that an item may take."""

_NO_NUMBERS: Final = ("BOOL", "STR", "BYTES", "STRUCT")
_INTEGERS: Final = re.compile(r"[IU][0-9]+")


def is_parameter(dtype: str, role: str) -> bool:
    """Whether the elements of a tensor count as parameters: numbers, and not known to be something else."""
    return dtype not in _NO_NUMBERS and role in ("", "parameter")


def is_integer(dtype: str) -> bool:
    """Whether a dtype is one of plain integers, in which models keep counters as well as weights."""
    return _INTEGERS.fullmatch(dtype) is not None


def item_size(name: str) -> int:
    """Return the bytes of one element of a stored dtype whose elements are whole bytes.

    Raises:
        UnsupportedFormatError: Its elements share bytes.
    """
    bits = STORED[name].bits
    if bits % 8:
        raise UnsupportedFormatError(f"elements of {name} share bytes", hint="please report the file")
    return bits // 8


def whole_bytes(name: str, shape: tuple[int, ...]) -> int | None:
    """Return the bytes that an array of a stored dtype takes, ``None`` where its bits are not whole bytes."""
    bits = math.prod(shape) * STORED[name].bits
    return None if bits % 8 else bits // 8


def from_numpy_name(name: str) -> DType:
    """Return the dtype whose NumPy (or ml_dtypes) name is ``name``, for example ``"float32"``.

    Raises:
        UnsupportedFormatError: There is none.
    """
    try:
        return _BY_NUMPY[name]
    except KeyError as error:
        raise UnsupportedFormatError(f"the dtype {name!r} is not known", hint="please report the file") from error


def from_numpy(dtype: np.dtype[Any]) -> DType:
    """Return the dtype that NumPy's is; what ``longdouble`` is on this machine says NumPy itself.

    Raises:
        UnsupportedFormatError: There is none.
    """
    if dtype.kind == "f" and (found := wide_name(dtype)):
        return DTYPES[found]
    return from_numpy_name(dtype.name)


def is_extended(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype of NumPy is one of ml_dtypes, which NumPy calls a float, or bytes."""
    return dtype.names is None and dtype.name in _ML_DTYPES


def wide_name(dtype: np.dtype[Any]) -> str:
    """Return ``F80`` or ``F128`` for a ``longdouble`` of NumPy's, or a complex number of two, ``""`` for any other."""
    import numpy as np

    if dtype.type not in (np.longdouble, np.clongdouble):
        return ""
    one = dtype.itemsize // (2 if dtype.kind == "c" else 1)
    digits = np.finfo(dtype).nmant
    return next((name for name, (bits, sizes) in WIDE.items() if bits == digits and one in sizes), "")


def wide_float(name: str, size: int) -> np.dtype[Any] | None:
    """Return the dtype of NumPy for ``F80`` or ``F128`` in items of ``size`` bytes, ``None`` if it has none here."""
    import numpy as np

    dtype: np.dtype[Any] = np.dtype(np.longdouble)
    return dtype if dtype.itemsize == size and np.finfo(dtype).nmant == WIDE[name][0] else None


def to_numpy(name: str) -> np.dtype[np.generic]:
    """Return the NumPy dtype (from ml_dtypes where NumPy has none) of a dtype with elements of whole bytes."""
    import numpy as np

    row = DTYPES[name]
    if row.numpy in _ML_DTYPES:
        import ml_dtypes

        extended: np.dtype[np.generic] = np.dtype(getattr(ml_dtypes, row.numpy))
        return extended
    return np.dtype(row.numpy)
