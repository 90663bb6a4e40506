"""Whether the offsets, starts and indices of encoded tensors lead to what is there; read a bounded piece at a time."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from candle_spec.checkpoint.inventory import Tensor
from candle_spec.problems import Problem
from candle_spec.validation.context import Context, at
from candle_spec.validation.rules.encodings import encoding_fault
from candle_spec.weights.encodings import PARTS
from candle_spec.weights.reader import SafetensorsFile

if TYPE_CHECKING:
    import numpy.typing as npt

_STEP: Final = 1 << 20
"""Items looked at together."""

Array = Callable[[str], "npt.NDArray[Any]"]


def encoded_values(context: Context) -> Iterator[Problem]:
    """Offsets of strings rise to their end, indices lie within their tensor."""
    files: dict[str, SafetensorsFile] = {}
    for tensor in context.tensors:
        if tensor.encoding not in _CHECKS or not _is_sound(context, tensor):
            continue

        def array(part: str, tensor: Tensor = tensor) -> npt.NDArray[Any]:
            stored = tensor.arrays[part]
            if stored.file not in files:
                files[stored.file] = SafetensorsFile(context.root / stored.file)
            return files[stored.file].numpy(stored.key).reshape(-1)

        if fault := _CHECKS[tensor.encoding](tensor, array):
            yield at("CKP4028", f"{tensor.encoding}: {fault}", tensor=tensor.name)


def _is_sound(context: Context, tensor: Tensor) -> bool:
    """Whether its parts are there as they are described; what else is wrong was said."""
    if tensor.encoding not in PARTS or encoding_fault(tensor):
        return False
    for part in tensor.arrays.values():
        header = context.headers.get(part.file)
        entry = header.entries.get(part.key) if header else None
        if entry is None or (entry.dtype, entry.shape) != (part.dtype, part.shape):
            return False
    return True


def _steps(array: npt.NDArray[Any], overlap: int = 0) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(array), _STEP):
        yield array[start : start + _STEP + overlap]


def _rises(array: npt.NDArray[Any], last: int) -> bool:
    """Whether numbers rise, or stay, from 0 to ``last``."""
    if int(array[0]) != 0 or int(array[-1]) != last:
        return False
    return not any(bool((part[1:] < part[:-1]).any()) for part in _steps(array, 1))


def _strings(tensor: Tensor, array: Array) -> str:
    blob, offsets = array("bytes"), array("offsets")
    if not _rises(offsets, len(blob)):
        return f"offsets must rise from 0 to {len(blob)}"
    if tensor.dtype != "STR":
        return _width_fault(tensor, blob, offsets)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for part in _steps(blob):
            decoder.decode(part.tobytes())
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "the text is not UTF-8"
    inside = (part[part < len(blob)] for part in _steps(offsets))
    if any(bool((blob[i] & 0xC0 == 0x80).any()) for i in inside):
        return "an offset lies within a character"
    return _width_fault(tensor, blob, offsets)


def _width_fault(tensor: Tensor, blob: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> str:
    import numpy as np

    width, is_text = tensor.params.get("width"), tensor.dtype == "STR"
    if width is None:
        return ""
    for part in _steps(offsets, 1):
        lengths = part[1:] - part[:-1]
        longer = lengths > width
        if is_text and longer.any() and not (lengths > 4 * width).any():
            places = np.stack([part[:-1][longer], part[1:][longer]], axis=1).reshape(-1) - part[0]
            begins = np.append(blob[part[0] : part[-1]] & 0xC0 != 0x80, False)  # where a character does
            longer = np.add.reduceat(begins, places, dtype=np.int64)[::2] > width
        if longer.any():
            return f"an item has more than {width} {'characters' if is_text else 'bytes'}"
    return ""


def _coo(tensor: Tensor, array: Array) -> str:
    axes, count = tensor.arrays["indices"].shape
    flat = array("indices")
    for axis in range(axes):
        if not _within(flat[axis * count : (axis + 1) * count], tensor.shape[axis]):
            return f"an index of axis {axis} lies outside of {tensor.shape[axis]}"
    if tensor.params.get("coalesced", False) and not _is_coalesced(flat.reshape(axes, count)):
        return "its indices do not rise, as those of a coalesced one do"
    return ""


def _is_coalesced(indices: npt.NDArray[Any]) -> bool:
    """Whether each place stands behind the one before, in the order of the axes."""
    import numpy as np

    for start in range(0, indices.shape[1] - 1, _STEP):
        piece = indices[:, start : start + _STEP + 1]
        behind = np.zeros(piece.shape[1] - 1, bool)
        for axis in reversed(piece):
            behind = (axis[1:] > axis[:-1]) | ((axis[1:] == axis[:-1]) & behind)
        if not behind.all():
            return False
    return True


def _within(array: npt.NDArray[Any], end: int) -> bool:
    return not any(bool(((part < 0) | (part >= end)).any()) for part in _steps(array))


def _compressed(tensor: Tensor, array: Array) -> str:
    shape = tensor.arrays["compressed"].shape
    starts, count = array("compressed"), tensor.arrays["plain"].shape[-1]
    size = shape[-1]
    for row in range(math.prod(shape[:-1])):
        if not _rises(starts[row * size : (row + 1) * size], count):
            return f"compressed must rise from 0 to {count}"
    side = 1 if tensor.encoding in ("sparse_csr", "sparse_bsr") else 0
    block = tensor.params.get("blocksize", [1, 1])[side]
    end = tensor.shape[len(shape) - 1 + side] // block
    return "" if _within(array("plain"), end) else f"an index lies outside of {end}"


_CHECKS: Final[Mapping[str, Callable[[Tensor, Array], str]]] = {
    "strings": _strings,
    "sparse_coo": _coo,
    **dict.fromkeys(("sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"), _compressed),
}
