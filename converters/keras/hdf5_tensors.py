"""Datasets of an HDF5 file as tensors: what type they are, where their bytes stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from candle_spec import limits
from candle_spec.converters._shared.encodings import layout_of
from candle_spec.readers.hdf5 import Dataset, FileWindow, MemoryWindow
from candle_spec.weights.dtypes import DTYPES, from_numpy
from candle_spec.weights.native_dtype import native_dtype
from candle_spec.weights.records import Column, columns, described
from candle_spec.weights.sources import Bytes, Encoding, FileBytes, MadeBytes, Part, TensorSource
from candle_spec.weights.strides import StridedBytes, row_major_strides
from candle_spec.weights.strings import stored_strings


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dataset goes and what its format says of it.

    Attributes:
        group: Id of its group.
        name: Name relative to the group's root.
        role: ``parameter``, ``buffer`` or empty.
        label: A name for people.
        opaque_as: Name of the NumPy (ml_dtypes) dtype of items that the file holds as opaque bytes, where it is known.
        attributes: What else is known.
    """

    group: str
    name: str
    role: str = ""
    label: str = ""
    opaque_as: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


def tensor_of(dataset: Dataset, place: Place, alias_of: tuple[str, str] | None = None) -> TensorSource | None:
    """Return the tensor that a dataset is, or ``None`` where it holds no value that a tensor could."""
    if dataset.shape is None or not dataset.readable:
        return None
    dtype, parts, encoding = _stored(dataset, place)
    return TensorSource(
        place.group,
        place.name,
        dtype,
        dataset.shape,
        {} if alias_of else parts,
        encoding=None if alias_of else encoding,
        alias_of=alias_of,
        role=place.role,
        label=place.label,
        attributes=dict(place.attributes) | (native_dtype(dataset.dtype) if dataset.dtype.kind in "biufc" else {}),
    )


def _stored(dataset: Dataset, place: Place) -> tuple[str, dict[str, Part], Encoding | None]:
    """Return logical dtype, stored arrays and encoding."""
    shape = dataset.shape or ()
    kind = dataset.dtype.kind
    if dataset.text or kind == "S":
        return _strings(dataset)
    if kind == "V":
        return _structured(dataset) if dataset.dtype.names else _opaque(dataset, place.opaque_as)
    name = from_numpy(dataset.dtype).name
    layout = layout_of(name, width=int(dataset.dtype.itemsize))
    stored = (*shape, *layout.inner)
    whole = layout.encoding is not None and layout.encoding.name == "raw"
    data = _bytes(dataset, layout.dtype, stored, whole)
    return name, {layout.part: Part(layout.dtype, stored, data)}, layout.encoding


def _bytes(dataset: Dataset, dtype: str, shape: tuple[int, ...], whole: bool = False) -> Bytes:
    """Return where the items are: in place, in place but big-endian, or to be made by the HDF5 library.

    Args:
        dataset: The dataset.
        dtype: Stored dtype.
        shape: Stored shape.
        whole: Whether the bytes of an item are one number, so that only the library can swap them.
    """
    big = dataset.dtype.str.startswith(">")
    size = dataset.size
    if dataset.offset is None or (big and whole):
        return MadeBytes(size, dataset.blocks)
    window = dataset.window
    if isinstance(window, FileWindow) and not big:
        return FileBytes(window.path, window.offset + dataset.offset, size)
    if isinstance(window, FileWindow):
        numbers = 4 if dtype == "C64" else 0
        offset, strides = window.offset + dataset.offset, row_major_strides(shape)
        return StridedBytes(window.path, offset, dtype, shape, strides, byte_order="big", swap_size=numbers)
    if isinstance(window, MemoryWindow) and not big:
        return MadeBytes(size, _Slice(window.data, dataset.offset, size).blocks)
    return MadeBytes(size, dataset.blocks)


@dataclass(frozen=True, slots=True)
class _Slice:
    data: bytes
    offset: int
    size: int

    def blocks(self) -> Iterator[memoryview]:
        if self.size:
            yield memoryview(self.data)[self.offset : self.offset + self.size]


def _opaque(dataset: Dataset, known: str) -> tuple[str, dict[str, Part], Encoding | None]:
    """Opaque bytes: a dtype that NumPy lacks, where the format says which; else bytes, never a guess."""
    shape, width = dataset.shape or (), int(dataset.dtype.itemsize)
    about = next((row for row in DTYPES.values() if known and row.numpy == known and row.bits == 8 * width), None)
    if about is not None and about.stored:
        return about.name, {"": Part(about.name, shape, _bytes(dataset, about.name, shape))}, None
    raw = Part("U8", (*shape, width), _bytes(dataset, "U8", (*shape, width)))
    order = "little" if about is not None else "unknown"
    return about.name if about else "BYTES", {"values": raw}, Encoding("raw", {"byte_order": order})


def _structured(dataset: Dataset) -> tuple[str, dict[str, Part], Encoding]:
    """One part for every field; a field that is itself no plain number keeps its bytes."""
    shape, dtype = dataset.shape or (), dataset.dtype
    parts = {
        column.name: Part(
            column.stored,
            (*shape, *column.tail),
            MadeBytes(dataset.count * column.size, _Column(dataset, column).blocks),
        )
        for column in columns(dtype)
    }
    return "STRUCT", parts, Encoding("structured", described(dtype))


@dataclass(frozen=True, slots=True)
class _Column:
    dataset: Dataset
    column: Column

    def blocks(self) -> Iterator[memoryview]:
        return self.dataset.blocks(self.column.name, verbatim=not self.column.is_number)


def _strings(dataset: Dataset) -> tuple[str, dict[str, Part], Encoding]:
    """The strings, bounded, for they are read now."""
    if dataset.text:
        return stored_strings(list(dataset.strings(limits.STRING_BYTES)))
    return stored_strings(list(_fixed(dataset)), text=False, width=int(dataset.dtype.itemsize))


def _fixed(dataset: Dataset) -> Iterator[bytes]:
    width = int(dataset.dtype.itemsize)
    for block in dataset.blocks():
        for start in range(0, len(block), width):
            yield bytes(block[start : start + width]).rstrip(b"\0")
