"""A tensor that a checkpoint keeps in tiles (shards of several processes, partitioned variables), as one array."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.digests import BLOCK
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.weights.sources import Bytes, ChainedBytes, Extent, FileBytes

if TYPE_CHECKING:
    import numpy as np

_RUN: Final = 4096
"""Bytes that stand together from which on it is worth to say where each run of a tile belongs."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One piece of a tensor: where it begins, its shape, its bytes in row-major order."""

    start: tuple[int, ...]
    shape: tuple[int, ...]
    data: Bytes


def join(tiles: Iterable[Tile], shape: tuple[int, ...], width: int, where: str) -> Bytes:
    """Return the bytes of a tensor that is kept in tiles.

    Args:
        tiles: The tiles, in any order.
        shape: Shape of the tensor.
        width: Bytes of one element.
        where: The place in words, for errors.

    Raises:
        CorruptFileError: The tiles overlap, or do not fill the tensor.
        LimitExceededError: There are too many of them.
    """
    rows = sorted((tile for tile in tiles if math.prod(tile.shape)), key=lambda tile: tile.start)
    if len(rows) > limits.TENSOR_SLICES:
        raise LimitExceededError(f"a tensor in {len(rows)} pieces", location=where)
    for tile in rows:
        if len(tile.start) != len(shape) or any(
            s + n > axis for s, n, axis in zip(tile.start, tile.shape, shape, strict=True)
        ):
            raise CorruptFileError("a piece goes beyond its tensor", location=where)
    missing = math.prod(shape) - sum(math.prod(tile.shape) for tile in rows)
    if missing > 0:
        raise CorruptFileError(f"the pieces leave {missing} elements of their tensor open", location=where)
    _check_apart(rows, shape, where)
    if all(tile.shape[1:] == shape[1:] for tile in rows):
        return rows[0].data if len(rows) == 1 else ChainedBytes(tuple(tile.data for tile in rows))
    return TiledBytes(tuple(rows), shape, width)


def _check_apart(rows: list[Tile], shape: tuple[int, ...], where: str) -> None:
    """No two tiles may overlap; only those that share a row are compared with each other."""
    if not shape:
        if len(rows) > 1:
            raise CorruptFileError("a single number is kept in several pieces", location=where)
        return
    opened: list[Tile] = []
    for tile in rows:
        opened = [other for other in opened if other.start[0] + other.shape[0] > tile.start[0]]
        if len(opened) > limits.TENSOR_TILES:
            raise LimitExceededError(f"more than {limits.TENSOR_TILES} pieces of a tensor in one row", location=where)
        if any(_overlap(tile, other) for other in opened):
            raise CorruptFileError("pieces of a tensor overlap", location=where)
        opened.append(tile)


def _overlap(a: Tile, b: Tile) -> bool:
    pairs = zip(a.start, a.shape, b.start, b.shape, strict=True)
    return all(s < t + m and t < s + n for s, n, t, m in pairs)


@dataclass(frozen=True, slots=True)
class TiledBytes:
    """A tensor cut along other axes than the first: put together some rows at a time."""

    tiles: tuple[Tile, ...]
    shape: tuple[int, ...]
    width: int

    @property
    def size(self) -> int:
        return math.prod(self.shape) * self.width

    @property
    def extents(self) -> tuple[Extent, ...]:
        """Runs of tiles that stand in files, where they are long; short ones cost more to describe than they hold."""
        found = [extent for tile in self.tiles for extent in self._runs(tile)]
        return tuple(sorted(found, key=lambda extent: extent.start))

    def _runs(self, tile: Tile) -> Iterator[Extent]:
        # Trailing axes that the tile fills stand together with the one before them.
        axis = len(self.shape) - 1
        while axis > 0 and tile.shape[axis] == self.shape[axis]:
            axis -= 1
        length = math.prod(tile.shape[axis:]) * self.width
        if not isinstance(tile.data, FileBytes) or length < _RUN:
            return
        outer = tile.shape[:axis]
        for number in range(math.prod(outer)):
            start, rest = 0, number
            place = list(tile.start)
            for position in reversed(range(axis)):
                rest, index = divmod(rest, outer[position])
                place[position] += index
            for here, count in zip(place, self.shape, strict=True):
                start = start * count + here
            yield Extent(tile.data.path, tile.data.offset + number * length, length, start=start * self.width)

    def blocks(self) -> Iterator[memoryview]:
        import numpy as np

        element = np.dtype((np.void, self.width))
        step = max(1, BLOCK // max(1, math.prod(self.shape[1:]) * self.width))
        made: dict[int, np.ndarray[Any, Any]] = {}
        for first in range(0, self.shape[0], step):
            last = min(first + step, self.shape[0])
            rows = np.zeros((last - first, *self.shape[1:]), element)
            for number, tile in enumerate(self.tiles):
                begin, end = max(first, tile.start[0]), min(last, tile.start[0] + tile.shape[0])
                if begin < end:
                    source = made.get(number)
                    source = _array(tile, element) if source is None else source
                    if not isinstance(tile.data, FileBytes):
                        made[number] = source
                    place = tuple(slice(s, s + n) for s, n in zip(tile.start[1:], tile.shape[1:], strict=True))
                    rows[(slice(begin - first, end - first), *place)] = source[
                        begin - tile.start[0] : end - tile.start[0]
                    ]
                else:
                    made.pop(number, None)
            yield rows.reshape(-1).view(np.uint8).data


def _array(tile: Tile, element: np.dtype[np.void]) -> np.ndarray[Any, Any]:
    """Return a tile's array: a memory map where its bytes stand in a file, else made in memory."""
    import numpy as np

    if isinstance(tile.data, FileBytes):
        return np.memmap(tile.data.path, element, "r", tile.data.offset, tile.shape)
    return np.frombuffer(b"".join(tile.data.blocks()), element).reshape(tile.shape)
