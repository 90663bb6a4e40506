"""Elements of less than a byte: out of the bytes that they share, one for each byte of NumPy's."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from candle_spec.errors import CorruptFileError
from candle_spec.weights.dtypes import DTYPES, to_numpy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ORDERS: Final = ("low-first", "high-first")
"""Whether the first element has the lowest or the highest bits of its byte."""

_SIGNED: Final = frozenset({"I4", "I2"})


def fields(data: npt.NDArray[np.uint8], bits: int, count: int, order: str = "low-first") -> npt.NDArray[np.uint8]:
    """Return the first fields of some bits that stand one after the other in bytes.

    Args:
        data: The bytes, of one axis.
        bits: Bits of a field: 2, 4 or 6.
        count: How many fields there are.
        order: Whether the first one has the lowest or the highest bits of its byte.

    Returns:
        The fields as numbers from 0, of one axis.

    Raises:
        CorruptFileError: There are other bytes than the fields need.
    """
    import numpy as np

    if len(data) != -(-count * bits // 8):
        raise CorruptFileError(f"{count} elements of {bits} bits do not take {len(data)} bytes")
    group = math.lcm(bits, 8) // 8  # bytes after which a field begins with a byte again
    padded = np.pad(data, (0, -len(data) % group)).reshape(-1, group)
    places = [byte if order == "low-first" else group - 1 - byte for byte in range(group)]
    whole = padded[:, 0] if group == 1 else sum(padded[:, i].astype(np.uint32) << 8 * at for i, at in enumerate(places))
    shifts = range(0, 8 * group, bits)
    found = np.empty((len(padded), len(shifts)), np.uint8)
    for column, shift in enumerate(shifts if order == "low-first" else reversed(shifts)):
        found[:, column] = whole >> shift & (1 << bits) - 1
    return found.reshape(-1)[:count]


def packed(blocks: Iterable[bytes | memoryview], bits: int) -> Iterator[memoryview]:
    """Yield fields of some bits, the first in the lowest bits of a byte, without a gap; each comes in a byte.

    Args:
        blocks: The fields; a byte is smaller than ``2 ** bits``.
        bits: Bits of a field: 2, 4 or 6.
    """
    import numpy as np

    group = math.lcm(bits, 8)
    rest = b""
    for block in itertools.chain(blocks, [None]):
        joined = rest if block is None else rest + bytes(block)
        whole = len(joined) if block is None else len(joined) - len(joined) % (group // bits)
        rest = joined[whole:]
        if whole:
            apart = np.unpackbits(np.frombuffer(joined[:whole], np.uint8).reshape(-1, 1), axis=1, bitorder="little")
            yield np.packbits(apart[:, :bits].reshape(-1), bitorder="little").data


def unpacked(
    dtype: str, shape: tuple[int, ...], data: npt.NDArray[np.uint8], order: str = "low-first"
) -> npt.NDArray[Any]:
    """Return the array of a dtype of less than a byte: in the dtype of ml_dtypes, an element in each byte.

    Raises:
        CorruptFileError: Dtype and shape need other bytes.
    """
    import numpy as np

    bits = DTYPES[dtype].bits
    numbers = fields(data, bits, math.prod(shape), order)
    if dtype in _SIGNED:
        whole = (numbers << 8 - bits).view(np.int8) >> 8 - bits
        return whole.astype(to_numpy(dtype)).reshape(shape)
    known = to_numpy(dtype)
    return (numbers.astype(known) if dtype.startswith("U") else numbers.view(known)).reshape(shape)
