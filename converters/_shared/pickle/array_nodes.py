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
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError
from candle_spec.readers.inert_pickle import Call, Global, Mapping, Span
from candle_spec.readers.numpy_objects import bytes_of
from candle_spec.weights.sources import FileBytes, MemoryBytes
from candle_spec.weights.strides import row_major_strides

if TYPE_CHECKING:
    import numpy as np

_MULTIARRAY: Final = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC: Final = ("numpy.core.numeric", "numpy._core.numeric")
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


class ArrayReader:
    """Reads arrays out of the records of one file.

    Args:
        path: The file in which the spans stand.
        location: The file in words, for errors.
    """

    def __init__(self, path: Path, location: str) -> None:
        self._path = path
        self._location = location

    def array(self, node: Any) -> ArrayNode | None:
        """Return the array that a record describes, or ``None`` if it describes none.

        Raises:
            CorruptFileError: It is malformed.
        """
        if isinstance(node, ArrayNode):
            return node
        if not isinstance(node, Call) or not isinstance(node.function, Global):
            return None
        module, name = node.function.module, node.function.name
        if name == "_reconstruct" and module in _MULTIARRAY:
            return self._reconstructed(node)
        if name == "_frombuffer" and module in _NUMERIC:
            return self._from_buffer(node.args)
        if name == "_reconstruct_array" and module.startswith("jax."):
            return self._of_jax(node.args)
        return None

    def _of_jax(self, args: Any) -> ArrayNode | None:
        """Arguments: what makes the NumPy array, its arguments, its state, what jax knows besides."""
        if not isinstance(args, tuple) or len(args) < 3:
            return None
        return self.array(Call(args[0], args[1], states=[args[2]]))

    def _reconstructed(self, node: Call) -> ArrayNode | None:
        """Arguments: class, shape, type, all of an empty array; the state tells what is in it."""
        state = node.state
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            return None
        shape, described, fortran, raw = state[-4:]
        dtype = dtype_of(described)
        if dtype is None:
            return None
        named = node.args[0] if isinstance(node.args, tuple) and node.args else None
        subclass = named.path if isinstance(named, Global) and named.path != "numpy.ndarray" else ""
        order = "F" if fortran is True or (type(fortran) is int and fortran) else "C"
        if isinstance(raw, list):
            return self._of_objects(dtype, shape, raw, subclass)
        data = self.stored(raw)
        return None if data is None else make_array(dtype, shape, order, data, self._location, subclass)

    def _of_objects(self, dtype: Any, shape: Any, items: list[Any], subclass: str) -> ArrayNode | None:
        """Objects stand in row-major order, whatever the array's order in memory was."""
        sizes = shape_of(shape, self._location)
        if dtype.kind != "O":
            return None
        if math.prod(sizes) != len(items):
            raise CorruptFileError(
                f"an array of objects of shape {list(sizes)} has {len(items)} items", location=self._location
            )
        return ArrayNode(dtype, sizes, strides_of(sizes, "C"), items, subclass)

    def _from_buffer(self, args: Any) -> ArrayNode | None:
        """Arguments: bytes, dtype, shape, order, and for order K the axes by which it was transposed."""
        if not isinstance(args, tuple) or len(args) not in (4, 5):
            return None
        dtype, data = dtype_of(args[1]), self.stored(args[0])
        if dtype is None or data is None:
            return None
        axes = args[4] if len(args) == 5 else None
        if args[3] != "K" or axes is None:
            return make_array(dtype, args[2], "F" if args[3] == "F" else "C", data, self._location)
        made = make_array(dtype, args[2], "C", data, self._location)
        if not isinstance(axes, (tuple, list)) or sorted(map(str, axes)) != sorted(map(str, range(len(made.shape)))):
            raise CorruptFileError("the axes of a transposed array are none", location=self._location)
        made.shape, made.strides = tuple(made.shape[a] for a in axes), tuple(made.strides[a] for a in axes)
        return made

    def place(self, span: Span) -> FileBytes:
        """Return where a span stands."""
        return FileBytes(self._path, span.offset, len(span.view))

    def stored(self, raw: Any) -> FileBytes | MemoryBytes | None:
        """Return where bytes stand, or ``None`` where there are none."""
        if isinstance(raw, Span) and raw.encoding != "utf-8":
            return self.place(raw)
        if isinstance(raw, Call) and raw.path in ("builtins.bytearray", "__builtin__.bytearray"):
            return self.stored(raw.args[0]) if isinstance(raw.args, tuple) and len(raw.args) == 1 else None
        if isinstance(raw, str):
            try:  # a pickle of Python 2
                return MemoryBytes(raw.encode("latin-1"))
            except UnicodeEncodeError:
                return None
        data = bytes_of(raw)
        return None if data is None else MemoryBytes(data)


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
        what = what.decode("ascii") if isinstance(what, bytes) else what
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
    for name in names:
        about = fields.get(name) if isinstance(name, str) else None
        if not isinstance(about, tuple) or len(about) < 2 or type(about[1]) is not int or about[1] < 0:
            return None
        inner = dtype_of(about[0], depth + 1)
        if inner is None:
            return None
        formats.append(inner)
        offsets.append(about[1])
    fields_of = {"names": list(names), "formats": formats, "offsets": offsets, "itemsize": size}
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
