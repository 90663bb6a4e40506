"""What a tensor of torch is before its bytes are read: a view on storages, of one kind or another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes of a native file that tensors look at.

    Attributes:
        key: Its key in the native file.
        dtype: Of its elements, ``""`` for untyped.
        path: The file.
        offset: First byte.
        size: Number of bytes.
        device: Where it was, for example ``"cuda:0"``.
        big_endian: Whether its numbers are big-endian.
    """

    key: str
    dtype: str
    path: Path
    offset: int
    size: int
    device: str
    big_endian: bool = False


@dataclass(frozen=True, slots=True)
class TensorView:
    """A strided tensor: offset and strides count elements."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool = False
    parameter: bool = False
    conj: bool = False
    neg: bool = False

    @property
    def identity(self) -> tuple[Any, ...]:
        """Equal for names that share every byte."""
        where = (self.storage.path, self.storage.offset, self.offset)
        return (*where, self.dtype, self.shape, self.strides, self.conj, self.neg)


@dataclass(frozen=True, slots=True)
class QuantizedView:
    """A quantised tensor: its integer values, and scales and zero points per tensor or along an axis.

    Attributes:
        values: The values; of those of less than a byte, the bytes that hold them, the last axis packed.
        scales: One for the tensor, or one for each place along the axis.
        zero_points: As many.
        axis: The axis, ``None`` for one scale.
        shape: The shape in values.
    """

    values: TensorView
    scales: TensorView | tuple[float, ...]
    zero_points: TensorView | tuple[int, ...]
    axis: int | None
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SparseView:
    """A sparse tensor: its layout (``"sparse_coo"`` …), index arrays and values by part name."""

    layout: str
    shape: tuple[int, ...]
    parts: Mapping[str, TensorView]
    coalesced: bool | None = None


@dataclass(frozen=True, slots=True)
class TiledView:
    """A strided tensor that is kept in tiles: for each where it begins, and the tensor that stands there."""

    dtype: str
    shape: tuple[int, ...]
    tiles: tuple[tuple[tuple[int, ...], TensorView], ...]
    requires_grad: bool = False


View = TensorView | QuantizedView | SparseView | TiledView
