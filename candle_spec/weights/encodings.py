"""Logical tensors that safetensors has no dtype for, and the parts in which they are stored.

Each encoding names its parts and parameters; ``spec.md`` is the normative table, :mod:`candle_spec.validation.rules`
holds a checkpoint to it. Undoing one gives the native tensor's values exactly.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError
from candle_spec.weights.dtypes import WIDE, to_numpy, wide_float

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_COMPRESSED: Final = ("compressed", "plain", "values")

PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "complex_pairs": ("values",),
    "quantized": ("values", "scales", "zero_points"),
    "sparse_coo": ("indices", "values"),
    "sparse_csr": _COMPRESSED,
    "sparse_csc": _COMPRESSED,
    "sparse_bsr": _COMPRESSED,
    "sparse_bsc": _COMPRESSED,
    "packed": ("values",),
    "raw": ("values",),
    "strings": ("bytes", "offsets"),
    "structured": (),
}
"""Names of the parts of each encoding; those of ``structured`` are the fields of the records."""


@dataclass(frozen=True, slots=True)
class EncodedArray:
    """A tensor that NumPy cannot hold as one array: its logical dtype and shape, its encoding, its parts."""

    dtype: str
    shape: tuple[int, ...]
    encoding: str
    params: Mapping[str, Any]
    parts: Mapping[str, npt.NDArray[np.generic]]


def decode(
    dtype: str,
    shape: tuple[int, ...],
    encoding: str,
    params: Mapping[str, Any],
    parts: Mapping[str, npt.NDArray[np.generic]],
) -> Any:
    """Return the logical array where NumPy has one, else an :class:`EncodedArray`.

    NumPy has complex128, the small numbers of ml_dtypes, wide floats of this machine's own format, bytes, texts and
    records; quantised and sparse tensors it has not.

    Raises:
        CorruptFileError: A part is missing or does not fit.
        LimitExceededError: Almost all of the array would be padding.
    """
    try:
        found = _logical(dtype, shape, encoding, params, parts)
    except CandleSpecError:
        raise
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise CorruptFileError(f"the parts of a tensor stored as {encoding} do not fit: {error}") from error
    return EncodedArray(dtype, shape, encoding, params, parts) if found is None else found


def _logical(
    dtype: str, shape: tuple[int, ...], encoding: str, params: Mapping[str, Any], parts: Mapping[str, Any]
) -> Any:
    """Return the array, ``None`` where NumPy has none."""
    import numpy as np

    if encoding == "complex_pairs" and dtype == "C128":
        return parts["values"].view(np.complex128).reshape(shape)
    if encoding == "raw":
        return _raw(dtype, shape, params.get("byte_order"), parts["values"])
    if encoding == "packed":
        from candle_spec.weights.packing import unpacked

        return unpacked(dtype, shape, parts["values"].reshape(-1), params.get("order", "low-first"))
    if encoding == "strings":
        return _strings(shape, params, parts)
    if encoding == "structured":
        from candle_spec.weights.records import records

        return records(shape, params, parts)
    return None


def _raw(dtype: str, shape: tuple[int, ...], order: Any, values: Any) -> Any:
    import numpy as np

    width = values.shape[-1]
    if dtype == "BYTES":
        return values.reshape(-1).view(np.dtype((np.void, width))).reshape(shape)
    if dtype not in WIDE:
        return values.reshape(-1).view(to_numpy(dtype)).reshape(shape)
    known = wide_float(dtype, np.dtype(np.longdouble).itemsize)
    if known is None or order not in ("little", "big"):
        return None  # a float of another machine
    if width != known.itemsize:  # the same float in a longer or shorter item
        items = values.reshape(-1, width)[:, :: -1 if order == "big" else 1]
        order, values = "little", np.zeros((len(items), known.itemsize), np.uint8)
        values[:, :10] = items[:, :10]
    return values.reshape(-1).view(known.newbyteorder(">") if order == "big" else known).reshape(shape)


def _strings(shape: tuple[int, ...], params: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    import numpy as np

    blob, offsets = parts["bytes"].tobytes(), parts["offsets"].tolist()
    items: list[Any] = [blob[start:end] for start, end in itertools.pairwise(offsets)]
    is_text = params.get("text") == "utf-8"
    if is_text:
        items = [item.decode("utf-8") for item in items]
    width = params.get("width")
    if type(width) is int and width:
        if any(len(item) > width for item in items):
            raise ValueError(f"a string is longer than {width}")
        size = len(items) * width * (4 if is_text else 1)
        if size > limits.STRING_BYTES:
            raise LimitExceededError(f"strings of one size that take {size} bytes together")
        return np.array(items, f"{'U' if is_text else 'S'}{width}").reshape(shape)
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)
