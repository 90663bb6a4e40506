"""Tensors on their way: what they are, and where their bytes come from. Nobody holds a whole model in memory.

A :class:`TensorSource` is a logical tensor of a native checkpoint. Its bytes are one or more :class:`Part`, each a
row-major little-endian array of a stored dtype whose :class:`Bytes` can be streamed any number of times.
Where the bytes stand in native files as they are (or permuted, or byte-swapped), the part says so by its
:class:`Extent` list, and the native files can be spliced together again from the stored tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from candle_spec.digests import BLOCK
from candle_spec.errors import TruncatedFileError
from candle_spec.weights.dtypes import item_size

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Extent:
    """Where bytes of a part stand in a native file.

    Attributes:
        path: The native file.
        offset: First byte.
        length: Number of bytes.
        order: Axes of the stored array in the order in which they vary in the native file, slowest first;
            ``None`` for row-major. Such an extent holds the whole array.
        swap: Size in bytes of the numbers whose bytes stand in the other order (a big-endian file); 0 for none.
            Such an extent holds the whole array.
        start: Byte of the stored array at which the extent's bytes stand; an array may stand in several places.
    """

    path: Path
    offset: int
    length: int
    order: tuple[int, ...] | None = None
    swap: int = 0
    start: int = 0

    @property
    def verbatim(self) -> bool:
        """Whether the stored bytes are the native bytes."""
        return self.order is None and not self.swap


class Bytes(Protocol):
    """The bytes of one part: row-major, little-endian, of known number, streamable more than once."""

    @property
    def size(self) -> int:
        """Number of bytes."""
        ...

    @property
    def extents(self) -> tuple[Extent, ...]:
        """Where they stand in native files, by ``start``; what no extent covers is made in another way."""
        ...

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield all bytes in order; a block is valid until the next one is asked for."""
        ...


@dataclass(frozen=True, slots=True)
class FileBytes:
    """Bytes that stand in a file exactly as they are stored."""

    path: Path
    offset: int
    size: int

    @property
    def extents(self) -> tuple[Extent, ...]:
        return (Extent(self.path, self.offset, self.size),) if self.size else ()

    def blocks(self) -> Iterator[bytes | memoryview]:
        buffer = memoryview(bytearray(min(BLOCK, self.size) or 1))
        left = self.size
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            while left:
                count = file.readinto(buffer[: min(left, len(buffer))])
                if not count:
                    raise TruncatedFileError("the file ended inside a tensor", location=str(self.path))
                yield buffer[:count]
                left -= count


@dataclass(frozen=True, slots=True)
class StridedBytes:
    """Elements that stand in a file in another order (transposed, sliced, repeated) or big-endian.

    Attributes:
        path: The file.
        offset: Byte of the first element.
        dtype: Stored dtype.
        shape: Shape of the array.
        strides: Steps between neighbours of each axis, in elements, none negative.
        byte_order: Of the file.
        swap_size: Size in bytes of the numbers to swap where big-endian (half the element for complex).
    """

    path: Path
    offset: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    byte_order: Literal["little", "big"] = "little"
    swap_size: int = 0

    @property
    def size(self) -> int:
        return math.prod(self.shape) * item_size(self.dtype)

    @property
    def extents(self) -> tuple[Extent, ...]:
        order = dense_order(self.shape, self.strides)
        if order is None or not self.size:
            return ()
        row_major = order == tuple(range(len(self.shape)))
        return (Extent(self.path, self.offset, self.size, None if row_major else order, self.swap),)

    @property
    def swap(self) -> int:
        """Size in bytes of the numbers to swap, 0 for none."""
        number = self.swap_size or item_size(self.dtype)
        return number if self.byte_order == "big" and number > 1 else 0

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield rows gathered from a memory map, about one block at a time."""
        import numpy as np

        if not self.size:
            return
        width = item_size(self.dtype)
        span = (sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)) + 1) * width
        flat = np.memmap(self.path, dtype=np.uint8, mode="r", offset=self.offset, shape=(span,))
        steps = tuple(s * width for s in self.strides)
        element = np.dtype((np.void, width))
        view = np.lib.stride_tricks.as_strided(flat.view(element)[:1], self.shape, steps, writeable=False)
        for rows in slabs(view):
            packed = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
            yield (packed.view(f"u{self.swap}").byteswap().view(np.uint8) if self.swap else packed).data


@dataclass(frozen=True, slots=True)
class MemoryBytes:
    """Bytes in memory, for what is small or made while reading."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def extents(self) -> tuple[Extent, ...]:
        return ()

    def blocks(self) -> Iterator[bytes | memoryview]:
        if self.data:
            yield self.data


@dataclass(frozen=True, slots=True)
class ViewBytes:
    """Bytes in memory that belong to somebody else: a live tensor, a snapshot of one.

    Attributes:
        view: A C-contiguous view; what it shows must not change while it is read.
    """

    view: memoryview

    @property
    def size(self) -> int:
        return self.view.nbytes

    @property
    def extents(self) -> tuple[Extent, ...]:
        return ()

    def blocks(self) -> Iterator[bytes | memoryview]:
        if self.view.nbytes:
            yield self.view.cast("B")


@dataclass(frozen=True, slots=True)
class MadeBytes:
    """Bytes that a reader makes when asked (decompressed, decoded); they have no extent."""

    size: int
    make: Callable[[], Iterator[bytes | memoryview]]

    @property
    def extents(self) -> tuple[Extent, ...]:
        return ()

    def blocks(self) -> Iterator[bytes | memoryview]:
        return self.make()


@dataclass(frozen=True, slots=True)
class ChainedBytes:
    """Bytes of a row-major array that stand in pieces, one after the other: chunks along its first axis.

    Attributes:
        pieces: The pieces in their order.
    """

    pieces: tuple[Bytes, ...]

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.pieces)

    @property
    def extents(self) -> tuple[Extent, ...]:
        found: list[Extent] = []
        start = 0
        for piece in self.pieces:
            # A permuted or swapped extent holds a whole array, and a piece is not one.
            found += [replace(e, start=start + e.start) for e in piece.extents if e.verbatim]
            start += piece.size
        return tuple(found)

    def blocks(self) -> Iterator[bytes | memoryview]:
        for piece in self.pieces:
            yield from piece.blocks()


def verbatim(data: Bytes) -> tuple[Extent, ...]:
    """Return the extents from which the bytes can be copied as they are, or none if they have to be made."""
    extents = data.extents
    position = 0
    for extent in extents:
        if not extent.verbatim or extent.start != position:
            return ()
        position += extent.length
    return extents if position == data.size else ()


@dataclass(frozen=True, slots=True)
class Part:
    """One stored array of a tensor: stored dtype, shape, bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: Bytes


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a logical tensor that safetensors lacks is stored: a name of ``encodings`` and its parameters."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TensorSource:
    """One name of a native checkpoint.

    Attributes:
        group: Id of its group.
        name: Native name, relative to the group's root, verbatim.
        dtype: Logical dtype (:data:`candle_spec.weights.dtypes.DTYPES`).
        shape: Logical shape.
        parts: Stored arrays: one under ``""`` for a plain tensor, named ones for an encoded tensor; empty for an
            alias.
        encoding: Present where the tensor is stored encoded.
        alias_of: ``(group, name)`` of the tensor that this name shares every byte with.
        role: ``"parameter"``, ``"buffer"`` or ``""`` where the native checkpoint does not say.
        label: A name for people where the native one is not readable (Keras: ``dense_1/kernel``).
        attributes: What else the native checkpoint says (``requires_grad``, ``device``, …): JSON values.
    """

    group: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    parts: Mapping[str, Part]
    encoding: Encoding | None = None
    alias_of: tuple[str, str] | None = None
    role: str = ""
    label: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of bytes of its stored arrays; an alias has none."""
        return sum(part.data.size for part in self.parts.values())


def total_size(tensors: Iterable[TensorSource]) -> int:
    """Return the number of bytes that tensors take where they are stored."""
    return sum(tensor.size for tensor in tensors)


def plain(group: str, name: str, dtype: str, shape: tuple[int, ...], data: Bytes, **more: Any) -> TensorSource:
    """Return a tensor that is stored as it is; ``more`` are further fields of :class:`TensorSource`."""
    return TensorSource(group, name, dtype, shape, {"": Part(dtype, shape, data)}, **more)


def dense_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the axes from slowest to fastest if the strides visit a dense block exactly once, else ``None``.

    Axes of length 1 keep their place as far as possible: their stride says nothing.
    """
    longer = sorted((axis for axis, n in enumerate(shape) if n > 1), key=lambda axis: (-strides[axis], axis))
    expected = 1
    for axis in reversed(longer):
        if strides[axis] != expected:
            return None
        expected *= shape[axis]
    if longer == sorted(longer):
        return tuple(range(len(shape)))
    return tuple([axis for axis, n in enumerate(shape) if n <= 1] + longer)


def row_major_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides, in elements, of a row-major array."""
    strides: list[int] = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def slabs(view: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Cut an array into consecutive pieces, in row-major order, of about one block each."""
    if view.nbytes <= BLOCK or view.ndim == 0:
        yield view
        return
    row = view[:1].nbytes
    if row > BLOCK and view.ndim > 1:
        for part in view:
            yield from slabs(part)
        return
    step = max(1, BLOCK // row)
    for start in range(0, view.shape[0], step):
        yield view[start : start + step]
