"""The header of a ``.npy`` array: dtype, order, shape, and where the items begin. NumPy reads no byte of it.

Layout (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): magic, version, length, a Python
dictionary of three entries as text, then the items. Python 2 wrote ``4L`` for long integers. What a pickle would have
to make (objects) is named as such; nothing is unpickled.
"""

from __future__ import annotations

import ast
import math
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError, UnsupportedFormatError
from candle_spec.readers.signatures import NPY

if TYPE_CHECKING:
    import numpy as np

START: Final = 12
"""Bytes that hold the magic, the version and the length of the header, for every version."""

_LENGTHS: Final = {1: ("<H", "latin-1"), 2: ("<I", "latin-1"), 3: ("<I", "utf-8")}
_DEPTH: Final = 32


class PickledObjectsError(UnsupportedFormatError):
    """The items of an array are Python objects, which only unpickling would make."""


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What a header says.

    Attributes:
        dtype: NumPy's dtype.
        fortran: Whether the first axis varies fastest.
        shape: The shape.
        offset: First byte of the items.
        size: Bytes of all items.
    """

    dtype: np.dtype[Any]
    fortran: bool
    shape: tuple[int, ...]
    offset: int
    size: int


def header_end(start: bytes, location: str) -> int:
    """Return where a header ends, from a file's first :data:`START` bytes.

    Raises:
        CorruptFileError: It is no header.
        UnsupportedFormatError: It is of a version that is not known.
        LimitExceededError: It is too long.
    """
    if not start.startswith(NPY):
        raise CorruptFileError("the array does not begin as a .npy file", location=location)
    if len(start) < START:
        raise TruncatedFileError("the array ends in its header", location=location)
    form = _LENGTHS.get(start[6])
    if form is None:
        raise UnsupportedFormatError(f"version {start[6]}.{start[7]} of .npy is not known", location=location)
    length = struct.unpack_from(form[0], start, 8)[0]
    if length > limits.NPY_HEADER:
        raise LimitExceededError(f"a header of {length} bytes, more than {limits.NPY_HEADER}", location=location)
    return int(8 + struct.calcsize(form[0]) + length)


def parse_header(data: bytes, location: str) -> NpyHeader:
    """Return a header from a file's bytes up to :func:`header_end`.

    Raises:
        CorruptFileError: It breaks its rules.
        PickledObjectsError: The items are objects.
    """
    end = header_end(data[:START], location)
    if len(data) < end:
        raise TruncatedFileError("the array ends in its header", location=location)
    text = data[8 + struct.calcsize(_LENGTHS[data[6]][0]) : end].decode(_LENGTHS[data[6]][1], "replace")
    about = _dictionary(text, location)
    shape, fortran = about["shape"], about["fortran_order"]
    if not isinstance(fortran, bool) or not isinstance(shape, tuple) or len(shape) > limits.TENSOR_RANK:
        raise CorruptFileError("the header's shape or order is none", location=location)
    if not all(type(n) is int and 0 <= n < 1 << 62 for n in shape):
        raise CorruptFileError(f"the shape {shape} is none", location=location)
    dtype = dtype_of(about["descr"], location)
    size = math.prod(shape) * dtype.itemsize
    if size > limits.TENSOR_BYTES:
        raise LimitExceededError(f"the array states {size} bytes", location=location)
    return NpyHeader(dtype, fortran, shape, end, size)


def _dictionary(text: str, location: str) -> dict[str, Any]:
    try:
        try:
            about = ast.literal_eval(text.strip())
        except SyntaxError:
            about = ast.literal_eval(re.sub(r"(?<=\d)L\b", "", text).strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise CorruptFileError("the header is no Python dictionary", location=location) from error
    if not isinstance(about, dict) or about.keys() != {"descr", "fortran_order", "shape"}:
        raise CorruptFileError("the header does not hold descr, fortran_order and shape", location=location)
    return about


def dtype_of(descr: Any, location: str) -> np.dtype[Any]:
    """Return the dtype of a description: an array-protocol string, or a list of fields with gaps.

    Raises:
        PickledObjectsError: It holds objects.
        CorruptFileError: It is none.
    """
    try:
        dtype = _dtype(descr, 0)
    except PickledObjectsError as error:
        error.location = location
        raise
    except (
        ValueError,
        TypeError,
        SyntaxError,
        KeyError,
        OverflowError,
        MemoryError,
        AttributeError,
        IndexError,
    ) as error:
        raise CorruptFileError(f"the dtype {str(descr)[:100]} is not known", location=location) from error
    if dtype.itemsize == 0 or dtype.itemsize > limits.NPY_ITEM:
        raise UnsupportedFormatError(f"items of {str(descr)[:100]} are not read", location=location)
    return dtype


def _dtype(descr: Any, depth: int) -> np.dtype[Any]:
    import numpy as np

    if isinstance(descr, str) and re.fullmatch(r"[|<>=]?O\d*", descr):
        raise PickledObjectsError(
            "the array holds pickled Python objects, which are not unpickled",
            hint="save it as an array of numbers or of strings",
        )
    if isinstance(descr, str) and re.fullmatch(r"[|<>=]?[?a-zA-Z]\d{0,9}(\[[0-9a-zA-Z/]{1,20}\])?", descr):
        return np.dtype(descr)
    if isinstance(descr, tuple) and len(descr) == 2 and depth:
        return np.dtype((_dtype(descr[0], depth + 1), _shape(descr[1])))
    if not isinstance(descr, list) or not descr or depth > _DEPTH:
        raise ValueError("neither text nor fields")
    names: list[str] = []
    formats: list[np.dtype[Any]] = []
    offsets: list[int] = []
    titles: list[str | None] = []
    position = 0
    for field in descr:
        title, name = field[0] if isinstance(field[0], tuple) else (None, field[0])
        if not isinstance(title, str | None):
            raise ValueError("no title of a field")
        inner = _dtype(field[1], depth + 1)
        if len(field) == 3:
            inner = np.dtype((inner, _shape(field[2])))
        if name != "" or inner.type is not np.void:  # gaps stand as nameless bytes
            names.append(name)
            formats.append(inner)
            offsets.append(position)
            titles.append(title)
        position += inner.itemsize
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "titles": titles, "itemsize": position})


def _shape(shape: Any) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if not all(type(n) is int and 0 < n < 1 << 24 for n in sizes) or math.prod(sizes) > 1 << 24:
        raise ValueError("no shape of a field")
    return sizes
