"""What the records of a pickle mean where they describe NumPy arrays and scalars. NumPy is not imported.

Layout of the states: ``array_setstate`` and ``arraydescr_reduce`` in
https://github.com/numpy/numpy/tree/main/numpy/_core/src/multiarray
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from candle_spec.readers.inert_pickle import Call, Global, Span

_MULTIARRAY: Final = frozenset({"numpy.core.multiarray", "numpy._core.multiarray"})
_NUMERIC: Final = {"": "", "b1": "BOOL", "i1": "I8", "u1": "U8", "i2": "I16", "u2": "U16", "f2": "F16", "i4": "I32"} | {
    "u4": "U32",
    "f4": "F32",
    "i8": "I64",
    "u8": "U64",
    "f8": "F64",
    "c8": "C64",
    "c16": "C128",
}


@dataclass(frozen=True, slots=True)
class Array:
    """An array of numbers: dtype of the format, NumPy's array-protocol string, shape, and bytes."""

    dtype: str
    numpy: str
    shape: tuple[int, ...]
    data: bytes
    fortran: bool


def scalar_of(node: Any) -> tuple[str, bytes] | None:
    """Return array-protocol string and bytes of a NumPy scalar of numbers, or ``None``."""
    if not _is(node, "scalar") or not isinstance(node.args, tuple) or len(node.args) != 2:
        return None
    dtype, data = dtype_of(node.args[0]), bytes_of(node.args[1])
    if dtype is None or data is None or len(data) != int(dtype[2:]):
        return None
    return dtype, data


def array_of(node: Any) -> Array | None:
    """Return the array of numbers that a record describes, or ``None`` (objects, text and records are none)."""
    if not _is(node, "_reconstruct") or not isinstance(node.state, tuple) or len(node.state) not in (4, 5):
        return None
    shape, described, fortran, raw = node.state[-4:]
    dtype, data = dtype_of(described), bytes_of(raw)
    if dtype is None or data is None or not isinstance(shape, tuple):
        return None
    if not all(type(n) is int and n >= 0 for n in shape) or math.prod(shape) * int(dtype[2:]) != len(data):
        return None
    return Array(_NUMERIC[dtype[1:]], dtype, shape, data, fortran is True)


def dtype_of(node: Any) -> str | None:
    """Return the array-protocol string of a dtype of numbers (``"<f8"``), or ``None``."""
    if not isinstance(node, Call) or node.path != "numpy.dtype" or not isinstance(node.args, tuple) or not node.args:
        return None
    name = node.args[0]
    if not isinstance(name, str) or not name or name not in _NUMERIC:
        return None
    order = node.state[1] if isinstance(node.state, tuple) and len(node.state) > 1 else "<"
    return f"{order if order in ('<', '>', '|') else '<'}{name}"


def bytes_of(node: Any) -> bytes | None:
    """Return bytes, also where protocol 2 spells them as ``_codecs.encode(text, "latin1")``."""
    if isinstance(node, (bytes, bytearray)):
        return bytes(node)
    if isinstance(node, Span):
        return bytes(node.view) if node.encoding != "utf-8" else None
    if isinstance(node, Call) and node.path == "_codecs.encode" and isinstance(node.args, tuple):
        text, *encoding = node.args
        if isinstance(text, str) and encoding in ([], ["latin1"], ["latin-1"]):
            try:
                return text.encode("latin-1")
            except UnicodeEncodeError:
                return None
    if isinstance(node, Call) and node.path in ("builtins.bytes", "__builtin__.bytes") and node.args == ():
        return b""
    return None


def _is(node: Any, name: str) -> bool:
    if not isinstance(node, Call) or not isinstance(node.function, Global):
        return False
    return node.function.module in _MULTIARRAY and node.function.name == name
