"""Undo encodings for torch: complex128, complex32, quantised and sparse tensors come back as torch's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from candle_spec.errors import CandleSpecError, UnsupportedFormatError
from candle_spec.optional import require

_COMPLEX: Final = {"C128": "complex128", "C32": "complex32"}
_QUANTIZED: Final = {"QI8": "qint8", "QU8": "quint8", "QI32": "qint32", "QU4": "quint4x2", "QU2": "quint2x4"}
_COMPRESSED: Final = frozenset({"sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"})


def decode_torch(
    dtype: str, shape: tuple[int, ...], encoding: str, params: Mapping[str, Any], parts: Mapping[str, Any]
) -> Any:
    """Return the torch tensor of an encoded tensor.

    Args:
        dtype: Logical dtype.
        shape: Logical shape.
        encoding: Name of the encoding.
        params: Its parameters.
        parts: Its parts as torch tensors.

    Raises:
        UnsupportedFormatError: torch has no tensor of that kind.
    """
    torch = require("torch", extra="torch", purpose="give tensors of torch")
    try:
        made = _made(torch, dtype, shape, encoding, params, parts)
    except CandleSpecError:
        raise
    except (RuntimeError, KeyError, ValueError, TypeError, IndexError) as error:
        raise UnsupportedFormatError(
            f"torch has no such tensor stored as {encoding}: {error}", hint='ask for framework="numpy"'
        ) from error
    if made is None:
        raise UnsupportedFormatError(
            f"torch has no tensor for {dtype} stored as {encoding}", hint='ask for framework="numpy"'
        )
    return made


def _made(
    torch: Any, dtype: str, shape: tuple[int, ...], encoding: str, params: Mapping[str, Any], parts: Mapping[str, Any]
) -> Any:
    if encoding == "complex_pairs":
        return _complex(torch, dtype, parts["values"]).reshape(shape)
    if encoding == "quantized":
        return _quantized(torch, dtype, shape, params, parts)
    values = _complex(torch, dtype, parts["values"]) if dtype in _COMPLEX else parts.get("values")
    if encoding == "sparse_coo":
        return torch.sparse_coo_tensor(
            parts["indices"], values, shape, is_coalesced=bool(params.get("coalesced")), check_invariants=True
        )
    if encoding in _COMPRESSED:
        layout = getattr(torch, encoding)
        return torch.sparse_compressed_tensor(
            parts["compressed"], parts["plain"], values, shape, layout=layout, check_invariants=True
        )
    return None


def _complex(torch: Any, dtype: str, pairs: Any) -> Any:
    """Return complex numbers of pairs along the last axis."""
    kind = getattr(torch, _COMPLEX[dtype])
    flat = pairs.reshape(-1)
    if flat.data_ptr() % kind.itemsize:  # a pair stands where its numbers may; torch's own code crashes on such
        flat = flat.clone()
    return flat.view(torch.uint8).view(kind).reshape(pairs.shape[:-1])


def _quantized(
    torch: Any, dtype: str, shape: tuple[int, ...], params: Mapping[str, Any], parts: Mapping[str, Any]
) -> Any:
    quantized = getattr(torch, _QUANTIZED[dtype])
    values, scales, zeros = parts["values"], parts["scales"], parts["zero_points"]
    if params["scheme"] == "per_tensor":
        made = torch._empty_affine_quantized(
            shape, scale=float(scales.reshape(-1)[0]), zero_point=int(zeros.reshape(-1)[0]), dtype=quantized
        )
    else:
        made = torch._empty_per_channel_affine_quantized(
            shape, scales=scales.clone(), zero_points=zeros.clone(), axis=int(params["axis"]), dtype=quantized
        )
    # The quantised values are copied as they are: quantising the floats again could round differently.
    whole = torch.empty(0, dtype=torch.uint8).set_(made.untyped_storage())
    given = values.reshape(-1).view(torch.uint8)
    whole[: len(given)] = given
    whole[len(given) :] = 0  # of those that share bytes, torch has a byte more for a row
    return made
