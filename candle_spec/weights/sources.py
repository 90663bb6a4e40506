"""Tensors on their way: what they are, and where their bytes come from. Nobody holds a whole model in memory.

A :class:`TensorSource` is a logical tensor of a native checkpoint. Its bytes are one or more :class:`Part`, each a
row-major little-endian array of a stored dtype whose :class:`Bytes` can be streamed any number of times.
Where the bytes stand in native files as they are (or permuted, or byte-swapped), the part says so by its
:class:`Extent` list, and the native files can be spliced together again from the stored tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from candle_spec.digests import BLOCK
from candle_spec.errors import TruncatedFileError


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
        role: ``"parameter"``, ``"buffer"``, ``"constant"``, or ``""`` where the native checkpoint does not say.
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
