"""Strings as a stored tensor: one after the other, and where each begins (spec.md, encoding ``strings``)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from candle_spec.weights.sources import Encoding, MemoryBytes, Part

if TYPE_CHECKING:
    import numpy.typing as npt


def stored_strings(
    items: Sequence[bytes], *, text: bool | None = None, width: int | None = None
) -> tuple[str, dict[str, Part], Encoding]:
    """Return dtype, parts and encoding of strings that are in memory.

    Args:
        items: The strings, in row-major order.
        text: Whether they are text, in UTF-8; ``None`` to look.
        width: How long an item could be (characters of a text, else bytes), where all have one size, padded with zeros.
    """
    is_text = all(map(_is_utf8, items)) if text is None else text
    offsets = list(accumulate(map(len, items), initial=0))
    blob = b"".join(items)
    parts = {
        "bytes": Part("U8", (len(blob),), MemoryBytes(blob)),
        "offsets": Part("I64", (len(offsets),), MemoryBytes(struct.pack(f"<{len(offsets)}q", *offsets))),
    }
    params: dict[str, Any] = {"text": "utf-8" if is_text else "none"} | ({} if width is None else {"width": width})
    return ("STR" if is_text else "BYTES"), parts, Encoding("strings", params)


def _is_utf8(item: bytes) -> bool:
    try:
        item.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_unicode(array: npt.NDArray[Any]) -> bool:
    """Whether the items of an array of texts (``U``) are text, without other code points or halves of pairs."""
    import numpy as np

    codes = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(-1).view("<u4")
    return not bool(((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any())
