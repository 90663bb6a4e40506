"""Logical tensors that safetensors has no dtype for, and the parts in which they are stored.

Each encoding names its parts and parameters; ``spec.md`` is the normative table. Encodings change no bit: undoing
one gives the native tensor's very bytes.

===================== ==================================================== ==========================================
encoding              parts                                                params
===================== ==================================================== ==========================================
``complex_pairs``     ``values`` (F64 or F16, extra last axis of 2)        —
``quantized``         ``values`` (I8, U8, I32), ``scales`` F64,            ``scheme`` per_tensor or per_channel,
                      ``zero_points`` I64                                  ``axis`` for per_channel
``sparse_coo``        ``indices`` I64 ``[rank, n]``, ``values``            ``coalesced``
``sparse_csr`` …      ``compressed``, ``plain``, ``values``                ``blocksize`` for bsr and bsc
``packed``            ``values`` U8                                        ``bits``, ``order`` of the elements in a byte
``raw``               ``values`` U8, extra last axis of the item's bytes   ``byte_order``
``strings``           ``bytes`` U8, ``offsets`` I64 (one more than items)  ``text`` utf-8 or none
``structured``        one part for each field                              ``fields``, ``item_size``
===================== ==================================================== ==========================================
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec.errors import CorruptFileError

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
    """Return the logical array where NumPy has one (complex128, raw ml_dtypes, strings), else an :class:`EncodedArray`.

    Raises:
        CorruptFileError: A part is missing or does not fit.
    """
    import numpy as np

    try:
        if encoding == "complex_pairs" and dtype == "C128":
            return parts["values"].view(np.complex128).reshape(shape)
        if encoding == "raw" and params.get("byte_order", "little") == "little":
            from candle_spec.weights.dtypes import to_numpy

            return parts["values"].reshape(-1).view(to_numpy(dtype)).reshape(shape)
        if encoding == "strings":
            return _strings(shape, params, parts)
    except (KeyError, ValueError, TypeError) as error:
        raise CorruptFileError(f"the parts of a tensor stored as {encoding} do not fit: {error}") from error
    return EncodedArray(dtype, shape, encoding, params, parts)


def _strings(shape: tuple[int, ...], params: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    import numpy as np

    blob, offsets = parts["bytes"].tobytes(), parts["offsets"].tolist()
    items: list[Any] = [blob[start:end] for start, end in itertools.pairwise(offsets)]
    if params.get("text") == "utf-8":
        items = [item.decode("utf-8") for item in items]
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)
