"""Whether the parts of an encoded tensor fit what it says it is: the table of encodings in ``spec.md``, in shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from candle_spec.checkpoint.inventory import Tensor

_PAIRS: Final = {"C128": "F64", "C32": "F16"}
_QUANTIZED: Final = {"QI8": "I8", "QU8": "U8", "QI32": "I32", "QU4": "U8", "QU2": "U8"}
_BITS: Final = {"QU4": 4, "QU2": 2, "I4": 4, "U4": 4, "I2": 2, "U2": 2, "F4_E2M1": 4}
_COMPRESSED: Final = ("sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")


def encoding_fault(tensor: Tensor) -> str:
    """Return what does not fit, or ``""``; the parts themselves are known to be there."""
    check = _CHECKS.get(tensor.encoding)
    return check(tensor) if check is not None else ""


def _part(tensor: Tensor, name: str, dtype: str, shape: tuple[int, ...]) -> str:
    part = tensor.arrays[name]
    if (part.dtype, part.shape) == (dtype, shape):
        return ""
    return f"{name} must be {dtype} {list(shape)}, not {part.dtype} {list(part.shape)}"


def _pairs(tensor: Tensor) -> str:
    if tensor.dtype not in _PAIRS:
        return f"it does not hold {tensor.dtype}"
    return _part(tensor, "values", _PAIRS[tensor.dtype], (*tensor.shape, 2))


def _quantized(tensor: Tensor) -> str:
    if tensor.dtype not in _QUANTIZED:
        return f"it does not hold {tensor.dtype}"
    scales, zeros = tensor.arrays["scales"], tensor.arrays["zero_points"]
    if scales.dtype not in ("F64", "F32") or zeros.dtype not in ("I64", "F64", "F32") or scales.shape != zeros.shape:
        return "scales must be F64 or F32, and zero_points as many I64, F64 or F32"
    if fault := _scales_fault(tensor, scales.shape):
        return fault
    shape = tensor.shape
    if tensor.dtype in _BITS:
        if fault := _packing_fault(tensor):
            return fault
        per_byte = 8 // _BITS[tensor.dtype]
        shape = (*shape[:-1], -(-shape[-1] // per_byte)) if shape else (1,)
    return _part(tensor, "values", _QUANTIZED[tensor.dtype], shape)


def _scales_fault(tensor: Tensor, shape: tuple[int, ...]) -> str:
    scheme, axis = tensor.params.get("scheme"), tensor.params.get("axis")
    if scheme == "per_tensor":
        return "" if shape == (1,) and axis is None else "per_tensor has one scale, and no axis"
    if scheme != "per_channel":
        return f"the scheme {scheme!r} is none"
    if type(axis) is not int or not 0 <= axis < len(tensor.shape) or shape != (tensor.shape[axis],):
        return f"per_channel needs a scale for each place along its axis, not {list(shape)} along {axis!r}"
    return ""


def _packing_fault(tensor: Tensor) -> str:
    bits, order = tensor.params.get("bits"), tensor.params.get("order")
    if bits != _BITS.get(tensor.dtype) or order not in ("low-first", "high-first"):
        return f"bits and order of {tensor.dtype} cannot be {bits!r} and {order!r}"
    return ""


def _raw(tensor: Tensor) -> str:
    values = tensor.arrays["values"]
    if values.dtype == "U8" and values.shape[:-1] == tensor.shape and len(values.shape) == len(tensor.shape) + 1:
        return ""
    return f"values must be U8 with one axis more than {list(tensor.shape)}"


def _strings(tensor: Tensor) -> str:
    if tensor.dtype not in ("STR", "BYTES"):
        return f"it does not hold {tensor.dtype}"
    blob = tensor.arrays["bytes"]
    if blob.dtype != "U8" or len(blob.shape) != 1:
        return "bytes must be U8 with one axis"
    return _part(tensor, "offsets", "I64", (math.prod(tensor.shape) + 1,))


def _coo(tensor: Tensor) -> str:
    indices, values = tensor.arrays["indices"], tensor.arrays["values"]
    if indices.dtype != "I64" or len(indices.shape) != 2 or not 0 <= indices.shape[0] <= len(tensor.shape):
        return "indices must be I64 [rank, n]"
    wanted = (indices.shape[1], *tensor.shape[indices.shape[0] :])
    return "" if values.shape[: len(wanted)] == wanted else f"values must have the shape {list(wanted)}"


def _packed(tensor: Tensor) -> str:
    if tensor.dtype not in _BITS:
        return f"it does not hold {tensor.dtype}"
    held = tensor.arrays["values"]
    least = -(-math.prod(tensor.shape) * _BITS[tensor.dtype] // 8)
    if held.dtype != "U8" or math.prod(held.shape) != least:
        return f"values must be {least} U8"
    return _packing_fault(tensor)


def _compressed(tensor: Tensor) -> str:
    compressed, plain = tensor.arrays["compressed"], tensor.arrays["plain"]
    whole = {compressed.dtype, plain.dtype} <= {"I32", "I64"}
    return "" if whole and len(tensor.shape) >= 2 else "compressed and plain must be I32 or I64, of a matrix"


_CHECKS: Final[Mapping[str, Callable[[Tensor], str]]] = {
    "complex_pairs": _pairs,
    "quantized": _quantized,
    "raw": _raw,
    "strings": _strings,
    "sparse_coo": _coo,
    "packed": _packed,
    **dict.fromkeys(_COMPRESSED, _compressed),
}
