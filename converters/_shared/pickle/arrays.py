"""Arrays of NumPy of every kind in pickles: where their items stand, their dtype, shape and strides.

The records are those of ``array_reduce``, ``array_setstate`` and ``arraydescr_setstate`` in
https://github.com/numpy/numpy/tree/main/numpy/_core/src/multiarray, of ``_frombuffer`` in
``numpy/_core/numeric.py``, and of jax's ``_reconstruct_array``, which has a NumPy array inside. Nothing of a record is
called: a dtype is built from its code, fields and sizes after each was checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError
from candle_spec.readers.inert_pickle import Call, Global, Mapping
from candle_spec.readers.numpy_objects import bytes_of
from candle_spec.weights.sources import FileBytes, MemoryBytes
from candle_spec.weights.strides import row_major_strides

if TYPE_CHECKING:
    import numpy as np

_CODE: Final = re.compile(r"[?biufcmMSUVO]\d{0,9}")
_UNIT: Final = re.compile(r"[a-zA-Zμ]{1,20}")
_DEPTH: Final = 16
_ITEM: Final = 1 << 24
_EXTENDED: Final = frozenset({"bfloat16", "int4", "uint4", "int2", "uint2"})


@dataclass(eq=False, slots=True)
class ArrayNode:
    """An array that a native file holds.

    Attributes:
        dtype: NumPy's dtype.
        shape: Shape.
        strides: Steps between neighbours along each axis, in items.
        data: Its items: in the file, in memory, or (an array of objects) a list of records.
        subclass: Dotted name of the class where it is not ``numpy.ndarray``.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    data: FileBytes | MemoryBytes | list[Any]
    subclass: str = ""

    @property
    def count(self) -> int:
        """Number of items."""
        return math.prod(self.shape)


def make_array(
    dtype: np.dtype[Any], shape: Any, order: str, data: FileBytes | MemoryBytes, location: str, subclass: str = ""
) -> ArrayNode:
    """Return an array after its sizes were checked.

    Raises:
        CorruptFileError: Shape, dtype and bytes do not fit each other.
    """
    sizes = shape_of(shape, location)
    if math.prod(sizes) * dtype.itemsize != data.size:
        message = f"an array of shape {list(sizes)} and type {dtype.str} has {data.size} bytes"
        raise CorruptFileError(message, location=location, hint="the file was changed, or is hostile")
    return ArrayNode(dtype, sizes, strides_of(sizes, order), data, subclass)


def shape_of(shape: Any, location: str) -> tuple[int, ...]:
    """Return a shape that is one.

    Raises:
        CorruptFileError: It is none.
    """
    good = isinstance(shape, (tuple, list)) and len(shape) <= limits.TENSOR_RANK
    if not good or not all(type(n) is int and 0 <= n < 1 << 50 for n in shape):
        raise CorruptFileError(f"{str(shape)[:80]} is no shape of an array", location=location)
    if math.prod(shape) > limits.TENSOR_BYTES:
        raise CorruptFileError(f"an array of shape {list(shape)} is impossibly large", location=location)
    return tuple(shape)


def strides_of(shape: tuple[int, ...], order: str) -> tuple[int, ...]:
    """Return the strides, in items, of an array in the order ``C`` or ``F``."""
    return row_major_strides(shape) if order != "F" else tuple(reversed(row_major_strides(shape[::-1])))


def dtype_of(node: Any, depth: int = 0) -> np.dtype[Any] | None:
    """Return the dtype that a record describes, or ``None`` if it is of a kind that is not known."""
    if not isinstance(node, Call) or node.path != "numpy.dtype" or depth > _DEPTH:
        return None
    if not isinstance(node.args, tuple) or not node.args:
        return None
    try:
        return _dtype(node.args[0], node.state, depth)
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError, SyntaxError):
        return None


def _dtype(code: Any, state: Any, depth: int) -> np.dtype[Any] | None:
    import numpy as np

    if isinstance(code, Global):
        return _extended(code)
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return None
    order, inner, names, fields, size, unit = _described(state)
    if names is not None:
        return _fields(names, fields, size, depth)
    if isinstance(inner, tuple) and len(inner) == 2:
        base = dtype_of(inner[0], depth + 1)
        return None if base is None else np.dtype((base, _inner_shape(inner[1])))
    if code[0] in "mM" and unit:
        code += unit
    made = np.dtype(f"{order}{code}" if code[0] not in "OV?bS" else code)
    if made.itemsize > _ITEM or (made.itemsize == 0 and made.kind not in "SUV"):
        return None
    return made


def _described(state: Any) -> tuple[str, Any, Any, Any, Any, str]:
    """Byte order, inner array, names, fields, size and unit of a dtype's state."""
    if not isinstance(state, tuple) or len(state) < 5:
        return "<", None, None, None, None, ""
    order = state[1] if state[1] in ("<", ">") else "<" if state[1] != "|" else "|"
    unit = ""
    if len(state) >= 9 and isinstance(state[8], tuple) and len(state[8]) == 2 and isinstance(state[8][1], tuple):
        what, number = state[8][1][0], state[8][1][1]
        spelt = bytes_of(what)  # protocol 2 spells bytes as a call
        what = what if spelt is None else spelt.decode("ascii", "replace")
        if isinstance(what, str) and _UNIT.fullmatch(what) and type(number) is int and 0 < number < 1 << 31:
            unit = "" if what == "generic" else f"[{number if number > 1 else ''}{what}]"
    size = state[5] if len(state) > 5 else None
    return order, state[2], state[3], state[4], size, unit


def _fields(names: Any, fields: Any, size: Any, depth: int) -> np.dtype[Any] | None:
    import numpy as np

    if not isinstance(names, tuple) or not isinstance(fields, Mapping) or type(size) is not int or size > _ITEM:
        return None
    formats: list[np.dtype[Any]] = []
    offsets: list[int] = []
    titles: list[str | None] = []
    for name in names:
        about = fields.get(name) if isinstance(name, str) else None
        if not isinstance(about, tuple) or len(about) < 2 or type(about[1]) is not int or about[1] < 0:
            return None
        inner = dtype_of(about[0], depth + 1)
        if inner is None:
            return None
        formats.append(inner)
        offsets.append(about[1])
        titles.append(about[2] if len(about) > 2 and isinstance(about[2], str) else None)
    fields_of = {"names": list(names), "formats": formats, "offsets": offsets, "titles": titles, "itemsize": size}
    made: np.dtype[Any] = np.dtype(fields_of)  # type: ignore[call-overload]
    return made


def _inner_shape(shape: Any) -> tuple[int, ...]:
    sizes: Sequence[Any] = shape if isinstance(shape, tuple) else (shape,)
    if not all(type(n) is int and 0 <= n <= _ITEM for n in sizes) or math.prod(sizes) > _ITEM:
        raise ValueError("no shape of a field")
    return tuple(sizes)


def _extended(code: Global) -> np.dtype[Any] | None:
    """A dtype of ml_dtypes, named by its class."""
    import ml_dtypes
    import numpy as np

    if code.module.partition(".")[0] != "ml_dtypes" or not (code.name.startswith("float") or code.name in _EXTENDED):
        return None
    extended: np.dtype[Any] = np.dtype(getattr(ml_dtypes, code.name))
    return extended
