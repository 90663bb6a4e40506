"""Arrays that do not stand row-major and little-endian: the order of their axes, and their bytes put in order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from candle_spec.digests import BLOCK
from candle_spec.weights.dtypes import item_size
from candle_spec.weights.sources import Extent

if TYPE_CHECKING:
    import numpy.typing as npt


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
        kept = None if order == tuple(range(len(self.shape))) else order
        return (Extent(self.path, self.offset, self.size, kept, self.swap),)

    @property
    def swap(self) -> int:
        """Size in bytes of the numbers to swap, 0 for none."""
        number = self.swap_size or item_size(self.dtype)
        return number if self.byte_order == "big" and number > 1 else 0

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield the elements, gathered from a memory map."""
        import numpy as np

        if not self.size:
            return
        width = item_size(self.dtype)
        span = (sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)) + 1) * width
        flat = np.memmap(self.path, dtype=np.uint8, mode="r", offset=self.offset, shape=(span,))
        steps = tuple(s * width for s in self.strides)
        element = np.dtype((np.void, width))
        view = np.lib.stride_tricks.as_strided(flat.view(element)[:1], self.shape, steps, writeable=False)
        yield from row_major(view, self.swap)


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


def row_major(view: npt.NDArray[Any], swap: int = 0) -> Iterator[memoryview]:
    """Yield the bytes of an array in row-major order, about one block at a time.

    Args:
        view: The array, in any order.
        swap: Size in bytes of the numbers whose bytes are to be swapped, 0 for none.
    """
    import numpy as np

    for rows in slabs(view):
        packed = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
        yield (packed.view(f"u{swap}").byteswap().view(np.uint8) if swap else packed).data
