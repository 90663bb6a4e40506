"""Whether an encoded tensor is one of the table of encodings in ``spec.md``: parts, shapes, dtypes, parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from candle_spec.checkpoint.inventory import Tensor
from candle_spec.errors import CorruptFileError
from candle_spec.weights.dtypes import DTYPES, WIDE, whole_bytes
from candle_spec.weights.encodings import PARTS
from candle_spec.weights.packing import ORDERS

PAIRS: Final = {"C128": "F64", "C32": "F16"}
_QUANTIZED: Final = {"QI8": "I8", "QU8": "U8", "QI32": "I32", "QU4": "U8", "QU2": "U8"}
_COMPRESSED: Final = ("sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
_BLOCKS: Final = ("sparse_bsr", "sparse_bsc")
_SMALL: Final = frozenset(name for name, row in DTYPES.items() if row.bits in (2, 4, 6) and name not in _QUANTIZED)
_RAW: Final[Mapping[str, tuple[int, ...]]] = {
    **{name: sizes for name, (_, sizes) in WIDE.items()},
    **dict.fromkeys((*_SMALL, "F8_E3M4", "F8_E4M3B11FNUZ"), (1,)),
}
"""Bytes that an item may take; those of ``BYTES`` take any number."""

_NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "quantized": frozenset({"scheme"}),
    "packed": frozenset({"bits", "order"}),
    "raw": frozenset({"byte_order"}),
    "strings": frozenset({"text"}),
    "structured": frozenset({"fields", "item_size"}),
    **dict.fromkeys(_BLOCKS, frozenset({"blocksize"})),
}
_ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "quantized": frozenset({"axis", "bits", "order"}),
    "sparse_coo": frozenset({"coalesced"}),
    "strings": frozenset({"width"}),
}


def encoding_fault(tensor: Tensor) -> str:
    """Return what does not fit, or ``""``."""
    parts, params = PARTS[tensor.encoding], tensor.params.keys()
    if parts and set(parts) != set(tensor.arrays):
        return f"it needs the parts {sorted(parts)}, not {sorted(tensor.arrays)}"
    needed = _NEEDED.get(tensor.encoding, frozenset())
    if missing := needed - params:
        return f"it lacks the parameters {sorted(missing)}"
    if unknown := params - needed - _ALLOWED.get(tensor.encoding, frozenset()):
        return f"it has no parameters {sorted(unknown)}"
    return _CHECKS[tensor.encoding](tensor)


def _part(tensor: Tensor, name: str, dtype: str, shape: tuple[int, ...]) -> str:
    part = tensor.arrays[name]
    if (part.dtype, part.shape) == (dtype, shape):
        return ""
    return f"{name} must be {dtype} {list(shape)}, not {part.dtype} {list(part.shape)}"


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 0


def _pairs(tensor: Tensor) -> str:
    if tensor.dtype not in PAIRS:
        return f"it does not hold {tensor.dtype}"
    return _part(tensor, "values", PAIRS[tensor.dtype], (*tensor.shape, 2))


def _quantized(tensor: Tensor) -> str:
    if tensor.dtype not in _QUANTIZED:
        return f"it does not hold {tensor.dtype}"
    scales, zeros = tensor.arrays["scales"], tensor.arrays["zero_points"]
    if scales.dtype not in ("F64", "F32") or zeros.dtype not in ("I64", "F64", "F32") or scales.shape != zeros.shape:
        return "scales must be F64 or F32, and zero_points as many I64, F64 or F32"
    if fault := _scales_fault(tensor, scales.shape):
        return fault
    bits, shape = DTYPES[tensor.dtype].bits, tensor.shape
    if bits >= 8:
        if packing := {"bits", "order"} & tensor.params.keys():
            return f"{tensor.dtype} has no {sorted(packing)}"
        return _part(tensor, "values", _QUANTIZED[tensor.dtype], shape)
    return _packing_fault(tensor) or _part(tensor, "values", "U8", (-(-math.prod(shape) * bits // 8),))


def _scales_fault(tensor: Tensor, shape: tuple[int, ...]) -> str:
    scheme, axis = tensor.params["scheme"], tensor.params.get("axis")
    if scheme == "per_tensor":
        return "" if shape == (1,) and "axis" not in tensor.params else "per_tensor has one scale, and no axis"
    if scheme != "per_channel":
        return f"the scheme {scheme!r} is none"
    if type(axis) is not int or not 0 <= axis < len(tensor.shape) or shape != (tensor.shape[axis],):
        return f"per_channel needs a scale for each place along its axis, not {list(shape)} along {axis!r}"
    return ""


def _packing_fault(tensor: Tensor) -> str:
    bits, order = tensor.params.get("bits"), tensor.params.get("order")
    if type(bits) is not int or bits != DTYPES[tensor.dtype].bits or order not in ORDERS:
        return f"bits and order of {tensor.dtype} cannot be {bits!r} and {order!r}"
    return ""


def _packed(tensor: Tensor) -> str:
    if tensor.dtype not in _SMALL:
        return f"it does not hold {tensor.dtype}"
    row = DTYPES[tensor.dtype]
    if row.stored and whole_bytes(tensor.dtype, tensor.shape) is not None:
        return f"{tensor.dtype} {list(tensor.shape)} fills whole bytes and needs no encoding"
    least = -(-math.prod(tensor.shape) * row.bits // 8)
    return _packing_fault(tensor) or _part(tensor, "values", "U8", (least,))


def _raw(tensor: Tensor) -> str:
    known = ("little", "big", "unknown") if tensor.dtype == "BYTES" else ("little", "big")[: 1 + (tensor.dtype in WIDE)]
    if tensor.params["byte_order"] not in known:
        return f"byte_order of {tensor.dtype} cannot be {tensor.params['byte_order']!r}"
    values = tensor.arrays["values"]
    if values.dtype != "U8" or values.shape[:-1] != tensor.shape or len(values.shape) != len(tensor.shape) + 1:
        return f"values must be U8 with one axis more than {list(tensor.shape)}"
    width = values.shape[-1]
    if tensor.dtype == "BYTES":
        return "" if width else "its items have no bytes"
    if tensor.dtype not in _RAW:
        return f"it does not hold {tensor.dtype}"
    sizes = _RAW[tensor.dtype]
    wanted = " or ".join(map(str, sizes))
    return "" if width in sizes else f"an item of {tensor.dtype} takes {wanted} bytes, not {width}"


def _strings(tensor: Tensor) -> str:
    text = {"STR": "utf-8", "BYTES": "none"}.get(tensor.dtype)
    if text is None:
        return f"it does not hold {tensor.dtype}"
    if tensor.params["text"] != text:
        return f"text of {tensor.dtype} is {text!r}, not {tensor.params['text']!r}"
    if not _is_size(tensor.params.get("width", 0)):
        return f"width cannot be {tensor.params['width']!r}"
    blob = tensor.arrays["bytes"]
    if blob.dtype != "U8" or len(blob.shape) != 1:
        return "bytes must be U8 with one axis"
    return _part(tensor, "offsets", "I64", (math.prod(tensor.shape) + 1,))


def _values_dtype(tensor: Tensor) -> tuple[str, tuple[int, ...]]:
    """Stored dtype of the values of a sparse tensor, and the axes that a value takes: pairs of complex numbers."""
    return (PAIRS[tensor.dtype], (2,)) if tensor.dtype in PAIRS else (tensor.dtype, ())


def _coo(tensor: Tensor) -> str:
    if type(tensor.params.get("coalesced", False)) is not bool:
        return "coalesced must be true or false"
    indices = tensor.arrays["indices"]
    if indices.dtype != "I64" or len(indices.shape) != 2 or not 0 <= indices.shape[0] <= len(tensor.shape):
        return "indices must be I64 [k, m], k of the tensor's axes at most"
    dtype, pair = _values_dtype(tensor)
    return _part(tensor, "values", dtype, (indices.shape[1], *tensor.shape[indices.shape[0] :], *pair))


def _compressed(tensor: Tensor) -> str:
    compressed, plain = tensor.arrays["compressed"], tensor.arrays["plain"]
    batch, count = compressed.shape[:-1], plain.shape[-1:]
    at, shape = len(batch), tensor.shape
    if not {compressed.dtype, plain.dtype} <= {"I32", "I64"} or len(shape) < at + 2 or not compressed.shape:
        return "compressed and plain must be I32 or I64, of a matrix"
    block = tensor.params.get("blocksize", [1, 1])
    if not (isinstance(block, list) and len(block) == 2 and all(_is_size(n) and n for n in block)):
        return f"blocksize must be rows and columns, not {block!r}"
    if any(n % size for n, size in zip(shape[at : at + 2], block, strict=True)):
        return f"blocks of {block} do not fill {list(shape[at : at + 2])}"
    side = 0 if tensor.encoding in ("sparse_csr", "sparse_bsr") else 1
    starts = (*batch, shape[at + side] // block[side] + 1)
    if compressed.shape != starts or shape[:at] != batch or plain.shape != (*batch, *count):
        return f"compressed must be {list(starts)}, and plain have as many axes"
    dtype, pair = _values_dtype(tensor)
    inner = tuple(block) if tensor.encoding in _BLOCKS else ()
    return _part(tensor, "values", dtype, (*batch, *count, *inner, *shape[at + 2 :], *pair))


def _structured(tensor: Tensor) -> str:
    from candle_spec.weights.records import record_columns

    if tensor.dtype != "STRUCT":
        return f"it does not hold {tensor.dtype}"
    try:
        fields = record_columns(tensor.params)
    except CorruptFileError as error:
        return error.message
    if {column.name for column in fields} != tensor.arrays.keys():
        return f"its fields are {sorted(column.name for column in fields)}, its parts {sorted(tensor.arrays)}"
    for column in fields:
        if fault := _part(tensor, column.name, column.stored, (*tensor.shape, *column.tail)):
            return fault
    return ""


_CHECKS: Final[Mapping[str, Callable[[Tensor], str]]] = {
    "complex_pairs": _pairs,
    "quantized": _quantized,
    "raw": _raw,
    "strings": _strings,
    "sparse_coo": _coo,
    "packed": _packed,
    "structured": _structured,
    **dict.fromkeys(_COMPRESSED, _compressed),
}
