"""NumPy arrays as tensors: numbers in place, whatever their order; strings, records and what NumPy has no name for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from candle_spec import limits
from candle_spec.converters._shared.encodings import layout_of
from candle_spec.errors import LimitExceededError, TruncatedFileError, UnsupportedFormatError
from candle_spec.readers.npy_header import NpyHeader
from candle_spec.weights.dtypes import from_numpy
from candle_spec.weights.native_dtype import native_dtype
from candle_spec.weights.records import Column, columns, described
from candle_spec.weights.sources import Bytes, Encoding, FileBytes, MadeBytes, Part, TensorSource
from candle_spec.weights.strides import StridedBytes, row_major_strides, slabs
from candle_spec.weights.strings import is_unicode, stored_strings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Blocks = Callable[[], Iterator[bytes | memoryview]]

_TIMES: Final = "mM"


@dataclass(frozen=True, slots=True)
class Items:
    """Where the items of an array are.

    Attributes:
        header: What its header says.
        location: For messages.
        path: The file in which they stand as they are, ``None`` where they are packed.
        offset: Their first byte in that file.
        blocks: Gives their bytes in the native order.
    """

    header: NpyHeader
    location: str
    path: Path | None
    offset: int
    blocks: Blocks

    def array(self) -> npt.NDArray[Any]:
        """Return the array: mapped into memory where it stands in a file, else read.

        Raises:
            LimitExceededError: It is packed and too large to be unpacked in memory.
        """
        import numpy as np

        header = self.header
        order: Any = "F" if header.fortran else "C"
        if self.path is not None and header.size:
            flat: Any = np.memmap(self.path, dtype=np.uint8, mode="r", offset=self.offset, shape=(header.size,))
        else:
            if header.size > limits.ZIP_INFLATED:
                raise LimitExceededError(f"{header.size} packed bytes in another order", location=self.location)
            flat = np.frombuffer(b"".join(bytes(block) for block in self.blocks()), dtype=np.uint8)
        if len(flat) != header.size:
            raise TruncatedFileError("the array is shorter than its header says", location=self.location)
        array: npt.NDArray[Any] = flat.view(header.dtype).reshape(header.shape, order=order)
        return array


def tensor_of(items: Items, group: str, name: str) -> TensorSource:
    """Return the tensor that an array is.

    Raises:
        UnsupportedFormatError: Its dtype is not known.
    """
    header = items.header
    dtype, parts, encoding = _stored(items)
    attributes: dict[str, Any] = {"fortran_order": True} if header.fortran else {}
    attributes |= native_dtype(header.dtype)
    return TensorSource(group, name, dtype, header.shape, parts, encoding=encoding, attributes=attributes)


def _stored(items: Items) -> tuple[str, dict[str, Part], Encoding | None]:
    """Return logical dtype, stored arrays and encoding."""
    header = items.header
    kind, shape = header.dtype.kind, header.shape
    if kind in "US":
        return _strings(items)
    if kind == "V":
        return _records(items) if header.dtype.names else _opaque(items)
    if kind in _TIMES:
        return "I64", {"": Part("I64", shape, _numbers(items, "I64"))}, None
    name = _name(header.dtype, items.location)
    layout = layout_of(name, "big" if header.dtype.str.startswith(">") else "little", int(header.dtype.itemsize))
    part = Part(layout.dtype, (*shape, *layout.inner), _numbers(items, layout.dtype, *layout.inner))
    return name, {layout.part: part}, layout.encoding


def _name(dtype: np.dtype[Any], location: str) -> str:
    try:
        return from_numpy(dtype).name
    except UnsupportedFormatError as error:
        raise UnsupportedFormatError(f"the dtype {dtype.str} is not known", location=location) from error


def _numbers(items: Items, dtype: str, inner: int = 0) -> Bytes:
    """Return the numbers row-major and little-endian: in place if they stand so, else gathered or swapped.

    Args:
        items: The array.
        dtype: Stored dtype.
        inner: How many of them one item holds, ``0`` for the item itself.
    """
    header = items.header
    shape = (*header.shape, inner) if inner else header.shape
    big = header.dtype.str.startswith(">") and dtype != "U8"
    if items.path is None:
        plain = not big and not (header.fortran and len(header.shape) > 1)
        return MadeBytes(header.size, items.blocks if plain else _Rows(items, dtype == "U8").blocks)
    if not big and not (header.fortran and len(header.shape) > 1):
        return FileBytes(items.path, items.offset, header.size)
    steps = row_major_strides(header.shape)
    if header.fortran:
        steps = tuple(reversed(row_major_strides(tuple(reversed(header.shape)))))
    if inner:
        steps = (*(step * inner for step in steps), 1)
    numbers = 4 if dtype == "C64" else 0
    order: Literal["big", "little"] = "big" if big else "little"
    return StridedBytes(items.path, items.offset, dtype, shape, steps, byte_order=order, swap_size=numbers)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of an array in memory, row-major; little-endian, unless the raw items are wanted."""

    items: Items
    raw: bool

    def blocks(self) -> Iterator[memoryview]:
        import numpy as np

        array = self.items.array()
        for rows in slabs(array) if array.size else ():
            dtype = rows.dtype if self.raw else rows.dtype.newbyteorder("<")
            yield np.ascontiguousarray(rows, dtype=dtype).reshape(-1).view(np.uint8).data


def _opaque(items: Items) -> tuple[str, dict[str, Part], Encoding]:
    """Bytes of a dtype that NumPy has no name for: bfloat16 and float8 come out so; which of them, nobody knows."""
    width = items.header.dtype.itemsize
    raw = Part("U8", (*items.header.shape, width), _numbers(items, "U8", width))
    return "BYTES", {"values": raw}, Encoding("raw", {"byte_order": "unknown"})


def _records(items: Items) -> tuple[str, dict[str, Part], Encoding]:
    """One part for every field; a field that is itself no plain number keeps its bytes."""
    shape, dtype = items.header.shape, items.header.dtype
    parts = {
        column.name: Part(
            column.stored,
            (*shape, *column.tail),
            MadeBytes(column.size * math.prod(shape), _Column(items, column).blocks),
        )
        for column in columns(dtype)
    }
    return "STRUCT", parts, Encoding("structured", described(dtype))


@dataclass(frozen=True, slots=True)
class _Column:
    """One field of all records."""

    items: Items
    column: Column

    def blocks(self) -> Iterator[memoryview]:
        array = self.items.array()
        for rows in slabs(array) if array.size else ():
            yield self.column.items(rows).data


def _strings(items: Items) -> tuple[str, dict[str, Part], Encoding]:
    """The strings, bounded, for they are read now."""
    header = items.header
    if header.size > limits.STRING_BYTES:
        raise LimitExceededError(f"{header.size} bytes of strings", location=items.location)
    width = int(header.dtype.itemsize)
    if header.dtype.kind == "S":
        return stored_strings(items.array().reshape(-1).tolist(), text=False, width=width)
    if not is_unicode(items.array()):  # code points beyond it, or halves of pairs: as they stood
        order = "big" if header.dtype.str.startswith(">") else "little"
        raw = Part("U8", (*header.shape, width), _numbers(items, "U8", width))
        return "BYTES", {"values": raw}, Encoding("raw", {"byte_order": order})
    texts = [text.encode("utf-8") for text in items.array().reshape(-1).tolist()]
    return stored_strings(texts, text=True, width=width // 4)
