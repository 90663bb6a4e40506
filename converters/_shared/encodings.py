"""How an array is stored whose dtype safetensors lacks: complex numbers as pairs, all others as their bytes."""

from __future__ import annotations

from typing import NamedTuple

from candle_spec.weights.dtypes import DTYPES
from candle_spec.weights.sources import Bytes, Encoding, Part


class Layout(NamedTuple):
    """How the items of an array are stored.

    Attributes:
        part: Name of the part.
        dtype: Stored dtype.
        inner: Axes that one item takes.
        encoding: ``None`` where the items stand as they are.
    """

    part: str
    dtype: str
    inner: tuple[int, ...]
    encoding: Encoding | None


def layout_of(dtype: str, byte_order: str = "little", width: int = 0) -> Layout:
    """Return how items of a dtype are stored.

    Args:
        dtype: Logical dtype.
        byte_order: Of bytes that are kept as they are.
        width: Bytes of an item in memory, where the dtype does not say it.
    """
    if dtype == "C128":
        return Layout("values", "F64", (2,), Encoding("complex_pairs"))
    if not DTYPES[dtype].in_place:
        return Layout("values", "U8", (width or width_of(dtype),), Encoding("raw", {"byte_order": byte_order}))
    return Layout("", dtype, (), None)


def width_of(dtype: str) -> int:
    """Return the bytes of an item in memory, where those of less than a byte take one."""
    return max(1, DTYPES[dtype].bits // 8)


def parts_of(dtype: str, shape: tuple[int, ...], data: Bytes) -> tuple[dict[str, Part], Encoding | None]:
    """Return the stored part of an array whose bytes are row-major and little-endian, and its encoding."""
    layout = layout_of(dtype)
    return {layout.part: Part(layout.dtype, (*shape, *layout.inner), data)}, layout.encoding
