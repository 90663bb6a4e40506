"""From an array of NumPy in a pickle to the tensor that is stored: plain where safetensors has its dtype, else encoded.

Numbers stay where they stand, also in Fortran order or big-endian. Dates and durations are their 64-bit integers, text
and bytes become strings, records one part for each field; ``attributes.numpy`` keeps what NumPy called the type.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from candle_spec import limits
from candle_spec.converters._shared.encodings import layout_of
from candle_spec.converters._shared.pickle.arrays import ArrayNode
from candle_spec.errors import LimitExceededError
from candle_spec.readers.inert_pickle import Span
from candle_spec.weights.dtypes import DTYPES, from_numpy, item_size
from candle_spec.weights.native_dtype import native_dtype
from candle_spec.weights.records import Column, columns, described
from candle_spec.weights.sources import Bytes, Encoding, FileBytes, MadeBytes, MemoryBytes, Part, TensorSource
from candle_spec.weights.strides import StridedBytes, row_major_strides
from candle_spec.weights.strings import is_unicode, stored_strings

if TYPE_CHECKING:
    import numpy.typing as npt

_ROWS: Final = 1 << 20

Stored = tuple[str, dict[str, Part], Encoding | None]


def tensor_of(group: str, name: str, array: ArrayNode) -> TensorSource | None:
    """Return the tensor that an array is, ``None`` for one of mixed objects."""
    stored = _stored(array)
    if stored is None:
        return None
    dtype, parts, encoding = stored
    about: dict[str, Any] = {"numpy": array.dtype.str} | native_dtype(array.dtype)
    if array.subclass:
        about["class"] = array.subclass
    return TensorSource(group, name, dtype, array.shape, parts, encoding, attributes=about)


def _stored(array: ArrayNode) -> Stored | None:
    """Return logical dtype, stored arrays and encoding."""
    dtype = array.dtype
    if isinstance(array.data, list):
        return _objects(array)
    if dtype.names:
        return _structured(array)
    if dtype.kind in "SU":
        return _fixed_strings(array)
    if dtype.kind in "mM":
        return "I64", {"": Part("I64", array.shape, _bytes(array, "I64"))}, None
    if dtype.kind in "VO" and dtype.name not in {row.numpy for row in DTYPES.values()}:
        return "BYTES", {"values": _raw(array, int(dtype.itemsize))}, Encoding("raw", {"byte_order": "unknown"})
    row = from_numpy(dtype)
    layout = layout_of(row.name, "big" if dtype.str.startswith(">") else "little", int(dtype.itemsize))
    part = Part(layout.dtype, (*array.shape, *layout.inner), _bytes(array, layout.dtype, layout.inner))
    return row.name, {layout.part: part}, layout.encoding


def _raw(array: ArrayNode, width: int) -> Part:
    return Part("U8", (*array.shape, width), _bytes(array, "U8", (width,)))


def _bytes(array: ArrayNode, dtype: str, inner: tuple[int, ...] = ()) -> Bytes:
    """Return the row-major little-endian bytes: in place, or gathered from there."""
    data = array.data
    assert not isinstance(data, list)  # noqa: S101 - for the type checker: objects were dealt with
    if not data.size:
        return MemoryBytes(b"")
    width = item_size(dtype)
    number = width // 2 if dtype == "C64" else width
    swapped = array.dtype.str.startswith(">") and number > 1
    shape = (*array.shape, *inner)
    strides = (*(step * math.prod(inner) for step in array.strides), *row_major_strides(inner))
    if not swapped and _row_major(shape, strides):
        return data
    if isinstance(data, FileBytes):
        order: Literal["big", "little"] = "big" if swapped else "little"
        return StridedBytes(data.path, data.offset, dtype, shape, strides, byte_order=order, swap_size=number)
    import numpy as np

    rows = np.frombuffer(data.data, np.dtype((np.void, width)))
    gathered = np.lib.stride_tricks.as_strided(rows, shape, tuple(step * width for step in strides))
    packed = np.ascontiguousarray(gathered).reshape(-1).view(np.uint8)
    return MemoryBytes((packed.view(f"u{number}").byteswap() if swapped else packed).tobytes())


def _row_major(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    return all(n == 1 or a == b for n, a, b in zip(shape, strides, row_major_strides(shape), strict=True))


def _structured(array: ArrayNode) -> Stored:
    """One part for every field; a field that is itself no plain number keeps its bytes."""
    parts = {
        column.name: Part(
            column.stored,
            (*array.shape, *column.tail),
            MadeBytes(array.count * column.size, _Column(array, column).blocks),
        )
        for column in columns(array.dtype)
    }
    return "STRUCT", parts, Encoding("structured", described(array.dtype))


@dataclass(frozen=True, slots=True)
class _Column:
    """One field of all records, a bounded number of them at a time."""

    array: ArrayNode
    column: Column

    def blocks(self) -> Iterator[memoryview]:
        records = _items(self.array)
        for start in range(0, len(records), _ROWS):
            packed = self.column.items(records[start : start + _ROWS])
            if packed.size:
                yield packed.data


def _items(array: ArrayNode) -> npt.NDArray[Any]:
    """Return all items of an array, row-major, as one axis; those of a file on a memory map."""
    import numpy as np

    data = array.data
    assert not isinstance(data, list)  # noqa: S101 - for the type checker: objects were dealt with
    if not data.size:
        return np.empty(array.count, array.dtype)
    flat: npt.NDArray[Any]
    if isinstance(data, FileBytes):
        flat = np.memmap(data.path, np.uint8, "r", data.offset, (data.size,)).view(array.dtype)
    else:
        flat = np.frombuffer(data.data, array.dtype)
    if _row_major(array.shape, array.strides):
        return flat
    steps = tuple(step * array.dtype.itemsize for step in array.strides)
    whole = flat.view(np.dtype((np.void, array.dtype.itemsize)))  # of records NumPy copies the fields alone
    return np.lib.stride_tricks.as_strided(whole, array.shape, steps).reshape(-1).view(array.dtype)


def _fixed_strings(array: ArrayNode) -> Stored:
    """Strings of one width: trailing zeros are padding, for NumPy as well."""
    data = array.data
    assert not isinstance(data, list)  # noqa: S101 - for the type checker: objects were dealt with
    _check(array.count, data.size)
    items, width = _items(array), int(array.dtype.itemsize)
    if array.dtype.kind == "S":
        return stored_strings(items.tolist(), text=False, width=width)
    if not is_unicode(items):  # code points beyond it, or halves of pairs: as they stood
        order = "big" if array.dtype.str.startswith(">") else "little"
        return "BYTES", {"values": _raw(array, width)}, Encoding("raw", {"byte_order": order})
    return stored_strings([text.encode("utf-8") for text in items.tolist()], text=True, width=width // 4)


def _objects(array: ArrayNode) -> Stored | None:
    """An array of objects that are all texts, or all bytes, holds strings."""
    assert isinstance(array.data, list)  # noqa: S101 - for the type checker: the caller knows
    items: list[Any] = [item.value() if isinstance(item, Span) else item for item in array.data]
    if not items or not (all(type(i) is str for i in items) or all(type(i) is bytes for i in items)):
        return None
    if isinstance(items[0], str):
        try:
            items = [item.encode("utf-8") for item in items]
        except UnicodeEncodeError:
            return None
        dtype = "STR"
    else:
        dtype = "BYTES"
    _check(len(items), sum(map(len, items)))
    return stored_strings(items, text=dtype == "STR")


def _check(count: int, size: int) -> None:
    if count > limits.TENSOR_STRINGS or size > limits.STRING_BYTES:
        raise LimitExceededError(f"an array of {count} strings of {size} bytes")
