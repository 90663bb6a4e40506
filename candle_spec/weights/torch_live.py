"""Live tensors of torch as tensors to store: dense, complex, quantised, sparse; on whatever device they are.

The parts and parameters of encoded tensors are those of :mod:`candle_spec.weights.encodings`;
:mod:`candle_spec.weights.torch_encodings` gives the tensors back.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, Final

from candle_spec.errors import UnsupportedFormatError
from candle_spec.optional import require
from candle_spec.readers.torch_dtypes import DTYPES, PER_BYTE
from candle_spec.weights.live import Leaf, LiveBytes
from candle_spec.weights.sources import Bytes, Encoding, MemoryBytes, Part

_QUANTIZED: Final = {"QI8": "I8", "QU8": "U8", "QI32": "I32", "QU4": "U8", "QU2": "U8"}
_PAIRS: Final = {"C128": "F64", "C32": "F16"}
_BITS: Final = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}
"""Integers of NumPy's and torch's that hold the bits of an item."""
_COMPRESSED: Final = {
    "sparse_csr": ("crow_indices", "col_indices"),
    "sparse_bsr": ("crow_indices", "col_indices"),
    "sparse_csc": ("ccol_indices", "row_indices"),
    "sparse_bsc": ("ccol_indices", "row_indices"),
}


def torch_leaf(tensor: Any, *, location: str = "") -> Leaf:
    """Return the leaf of a torch tensor: a view on its memory where it lies in the computer's own, else a copy.

    Raises:
        UnsupportedFormatError: It has no bytes (meta), or is of a kind that the format does not know.
    """
    torch = require("torch", extra="torch", purpose="save tensors of torch")
    role = "parameter" if isinstance(tensor, torch.nn.Parameter) else ""
    value = tensor.detach()
    if value.is_nested or (hasattr(value, "__tensor_flatten__") and not hasattr(value, "full_tensor")):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise UnsupportedFormatError(
            f"a tensor of {kind} consists of others and cannot be saved", location=location, hint="save its parts"
        )
    if value.device.type == "meta":
        raise UnsupportedFormatError("a tensor on the device 'meta' has no values to save", location=location)
    identity = _identity(value)
    if hasattr(value, "full_tensor"):  # sharded: what is put together is new memory, which says nothing of ties
        value = value.full_tensor()
    about: dict[str, Any] = {} if value.device.type == "cpu" else {"device": str(value.device)}
    layout, kind = str(value.layout).removeprefix("torch."), str(value.dtype).removeprefix("torch.")
    dtype = DTYPES.get(kind, "")
    shape = tuple(int(n) for n in value.shape)
    leaf = Leaf(dtype, shape, {}, role=role, attributes=about)
    if layout == "sparse_coo":
        return _sparse(leaf, value, layout, {"indices": value._indices(), "values": value._values()}, location)
    if layout in _COMPRESSED:
        compressed, plain = (getattr(value, method)() for method in _COMPRESSED[layout])
        parts = {"compressed": compressed, "plain": plain, "values": value.values()}
        return _sparse(leaf, value, layout, parts, location)
    if dtype in _QUANTIZED:
        return _quantized(leaf, torch, value)
    if not dtype or layout != "strided":
        raise UnsupportedFormatError(f"torch's {kind} with layout {layout} cannot be saved", location=location)
    if dtype in _PAIRS:
        part = Part(_PAIRS[dtype], (*shape, 2), _bytes(torch, torch.view_as_real(value.resolve_conj())))
        return replace(leaf, parts={"values": part}, encoding=Encoding("complex_pairs"), identity=identity)
    if dtype == "F4":  # torch counts the bytes, of two values each
        if not shape:
            raise UnsupportedFormatError("a tensor of F4 without an axis cannot be saved", location=location)
        shape = (*shape[:-1], shape[-1] * PER_BYTE[dtype])
        leaf = replace(leaf, shape=shape)
    return replace(leaf, parts={"": Part(dtype, shape, _bytes(torch, value))}, identity=identity)


def _bytes(torch: Any, tensor: Any) -> Bytes:
    """Return the bytes of a dense tensor."""
    if not tensor.numel():
        return MemoryBytes(b"")
    plain = tensor.resolve_conj().resolve_neg()
    here = plain.cpu()
    private = here.data_ptr() != tensor.data_ptr()
    if here.is_complex():  # complex64: its bits are those of an integer of 8 bytes only where they are in order
        here = here.contiguous()
        private = private or here.data_ptr() != tensor.data_ptr()
    if here.is_contiguous():
        return LiveBytes(here.reshape(-1).view(torch.uint8).numpy(), private)
    return LiveBytes(here.view(getattr(torch, _BITS[here.element_size()])).numpy(), private)


def _identity(whole: Any) -> Hashable:
    """Equal for tensors that share every byte; of a sharded one, this process's shard says it."""
    import torch

    tensor = whole.to_local() if hasattr(whole, "to_local") else whole
    if tensor.layout != torch.strided or not tensor.numel():
        return None
    start = tensor.untyped_storage().data_ptr() + tensor.storage_offset() * tensor.element_size()
    flags = (tensor.is_conj(), tensor.is_neg())
    return ("torch", str(tensor.device), start, str(tensor.dtype), tuple(tensor.shape), tensor.stride(), *flags)


def _sparse(leaf: Leaf, tensor: Any, layout: str, parts: Mapping[str, Any], location: str) -> Leaf:
    leaves = {name: torch_leaf(part, location=location) for name, part in parts.items()}
    params: dict[str, Any] = {}
    if layout == "sparse_coo":
        params["coalesced"] = bool(tensor.is_coalesced())
    if layout in ("sparse_bsr", "sparse_bsc"):
        params["blocksize"] = [int(n) for n in parts["values"].shape[-2:]]
    stored = {name: part for name, leaf_of in leaves.items() for part in leaf_of.parts.values()}
    if any(part.encoding is not None and part.dtype not in _PAIRS for part in leaves.values()):
        raise UnsupportedFormatError(f"sparse tensors of {tensor.dtype} cannot be saved", location=location)
    return replace(leaf, dtype=leaves["values"].dtype, parts=stored, encoding=Encoding(layout, params))


def _number(tensor: Any) -> str:
    return DTYPES[str(tensor.dtype).removeprefix("torch.")]


def _quantized(leaf: Leaf, torch: Any, tensor: Any) -> Leaf:
    params: dict[str, Any] = {"scheme": "per_tensor"}
    if tensor.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
        params = {"scheme": "per_channel", "axis": int(tensor.q_per_channel_axis())}
        scales, zeros = tensor.q_per_channel_scales().double(), tensor.q_per_channel_zero_points().long()
    elif tensor.qscheme() == torch.per_channel_affine_float_qparams:
        params = {"scheme": "per_channel", "axis": int(tensor.q_per_channel_axis())}
        scales, zeros = tensor.q_per_channel_scales().float(), tensor.q_per_channel_zero_points().float()
    else:
        scales = torch.tensor([tensor.q_scale()], dtype=torch.float64)
        zeros = torch.tensor([tensor.q_zero_point()], dtype=torch.int64)
    parts = {
        "values": _integers(leaf, torch, tensor, params),
        "scales": Part(_number(scales), tuple(scales.shape), _bytes(torch, scales)),
        "zero_points": Part(_number(zeros), tuple(zeros.shape), _bytes(torch, zeros)),
    }
    return replace(leaf, parts=parts, encoding=Encoding("quantized", params))


def _integers(leaf: Leaf, torch: Any, tensor: Any, params: dict[str, Any]) -> Part:
    """Return the integers of a quantised tensor; of those that share bytes, the bytes that torch fills."""
    stored = _QUANTIZED[leaf.dtype]
    if leaf.dtype not in PER_BYTE:
        return Part(stored, leaf.shape, _bytes(torch, tensor.int_repr()))
    if tensor.storage_offset() or not tensor.is_contiguous():
        raise UnsupportedFormatError(f"a view of {leaf.dtype} values that share bytes cannot be saved")
    params |= {"bits": 8 // PER_BYTE[leaf.dtype], "order": "low-first"}
    size = -(-math.prod(leaf.shape) // PER_BYTE[leaf.dtype])
    whole = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(tensor.untyped_storage())
    return Part(stored, (size,), _bytes(torch, whole[:size]))
