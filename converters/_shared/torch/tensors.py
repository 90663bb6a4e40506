"""From a torch tensor's view to the tensor that is stored: plain where safetensors has its dtype, else encoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, Literal

from candle_spec.converters._shared.tiles import Tile, join
from candle_spec.errors import UnsupportedFormatError
from candle_spec.readers import numpy_objects
from candle_spec.readers.torch_dtypes import ITEM_BYTES, PER_BYTE
from candle_spec.readers.torch_views import QuantizedView, SparseView, TensorView, TiledView, View
from candle_spec.weights.sources import Bytes, Encoding, FileBytes, MadeBytes, MemoryBytes, Part, TensorSource
from candle_spec.weights.strides import StridedBytes, row_major_strides

_PAIRS: Final = {"C128": "F64", "C32": "F16"}
"""Complex dtypes that are stored as pairs of numbers."""

_INTEGERS: Final = {"QI8": "I8", "QU8": "U8", "QI32": "I32", "QU4": "U8", "QU2": "U8"}
"""Stored dtypes of the integers of quantised tensors, and of bytes that several of them share."""


def tensor_source(group: str, name: str, view: View, role: str) -> TensorSource:
    """Return the tensor to store for a view."""
    if isinstance(view, TensorView):
        return _strided(group, name, view, role or ("parameter" if view.parameter else ""))
    if isinstance(view, QuantizedView):
        return _quantized(group, name, view, role)
    if isinstance(view, TiledView):
        return _tiled(group, name, view, role)
    return _sparse(group, name, view, role)


def _strided(group: str, name: str, view: TensorView, role: str) -> TensorSource:
    attributes = _attributes(view)
    part = _part(view)
    if view.dtype not in _PAIRS:
        return TensorSource(group, name, view.dtype, part.shape, {"": part}, role=role, attributes=attributes)
    encoding = Encoding("complex_pairs")
    return TensorSource(
        group, name, view.dtype, view.shape, {"values": part}, encoding, role=role, attributes=attributes
    )


def _packing(dtype: str) -> dict[str, Any]:
    return {"bits": 8 // PER_BYTE[dtype], "order": "low-first"}


def _tiled(group: str, name: str, view: TiledView, role: str) -> TensorSource:
    """Shards of several processes; complex numbers that are stored as pairs take one axis more."""
    tail = (2,) if view.dtype in _PAIRS else ()
    rows = [(start, _part(tile)) for start, tile in view.tiles]
    stored = _PAIRS.get(view.dtype) or _INTEGERS.get(view.dtype, view.dtype)
    shape = (*view.shape, *tail)
    data: Bytes = MemoryBytes(b"")
    if 0 not in shape:
        tiles = [
            Tile((*start, *(0 for _ in tail)), (*tile.shape, *tail), part.data)
            for (start, part), (_, tile) in zip(rows, view.tiles, strict=True)
        ]
        data = join(tiles, shape, ITEM_BYTES[stored], name)
    attributes: dict[str, Any] = {"pieces": len(rows)} | ({"requires_grad": True} if view.requires_grad else {})
    encoding = Encoding("complex_pairs") if tail else None
    if stored == "F4":
        data, shape = _shared_bytes(data), _f4_shape(shape)
    parts = {"values" if tail else "": Part(stored, shape, data)}
    logical = view.shape if tail else shape
    return TensorSource(group, name, view.dtype, logical, parts, encoding, role=role, attributes=attributes)


def _attributes(view: TensorView) -> dict[str, Any]:
    about: dict[str, Any] = {}
    if view.requires_grad:
        about["requires_grad"] = True
    if view.storage.device != "cpu":
        about["device"] = view.storage.device
    if view.strides != row_major_strides(view.shape) and 0 not in view.shape:
        about["strides"] = list(view.strides)
    return about


def _part(view: TensorView) -> Part:
    """Return the stored array of a view: pairs for complex dtypes that safetensors lacks, two F4 for one of torch."""
    if view.dtype in _PAIRS:
        pair = _PAIRS[view.dtype]
        data = _bytes(view, pair, (*view.shape, 2), (*(2 * stride for stride in view.strides), 1))
        return Part(pair, (*view.shape, 2), data)
    if view.dtype == "F4":
        return Part("F4", _f4_shape(view.shape), _shared_bytes(_bytes(view, "U8", view.shape, view.strides)))
    stored = _INTEGERS.get(view.dtype, view.dtype)
    return Part(stored, view.shape, _bytes(view, stored, view.shape, view.strides))


def _f4_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in values of an array of which torch counts the bytes.

    Raises:
        UnsupportedFormatError: It has no axis along which two of them stand in a byte.
    """
    if not shape:
        raise UnsupportedFormatError("a tensor without an axis holds two F4 values, which is not read")
    return (*shape[:-1], shape[-1] * PER_BYTE["F4"])


def _shared_bytes(data: Bytes) -> Bytes:
    """Return bytes that hold several elements each; an order of axes counts elements, and cannot be told of them."""
    return data if isinstance(data, (FileBytes, MemoryBytes)) else MadeBytes(data.size, data.blocks)


def _bytes(view: TensorView, dtype: str, shape: tuple[int, ...], strides: tuple[int, ...]) -> Bytes:
    if 0 in shape:
        return MemoryBytes(b"")
    width = ITEM_BYTES[dtype]
    offset = view.storage.offset + view.offset * ITEM_BYTES[view.dtype]
    number = width // 2 if dtype == "C64" else width
    swapped = view.storage.big_endian and number > 1
    size = width
    for n in shape:
        size *= n
    data: Bytes
    if _row_major(shape, strides) and not swapped:
        data = FileBytes(view.storage.path, offset, size)
    else:
        order: Literal["big", "little"] = "big" if swapped else "little"
        data = StridedBytes(view.storage.path, offset, dtype, shape, strides, byte_order=order, swap_size=number)
    if view.conj or view.neg:
        return MadeBytes(
            size, lambda: _flipped(data, number, every=1 if view.neg and not view.conj else 2, both=view.neg)
        )
    return data


def _row_major(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    expected = row_major_strides(shape)
    return all(n == 1 or a == b for n, a, b in zip(shape, strides, expected, strict=True))


def _flipped(data: Bytes, width: int, *, every: int, both: bool) -> Iterator[bytes]:
    """Yield numbers with flipped signs: all of them, or the imaginary half of pairs (a lazy conjugate).

    A lazy conjugate or negative is a flag on unchanged bytes
    (https://docs.pytorch.org/docs/stable/generated/torch.Tensor.conj.html); flipping the sign bit is exact, also for
    zeros and NaN.
    """
    import numpy as np

    rest = b""
    for block in data.blocks():
        joined = rest + bytes(block)
        whole = len(joined) - len(joined) % (2 * width)
        rest = joined[whole:]
        numbers = np.frombuffer(joined[:whole], f"<u{width}").copy()
        _flip(numbers, width, every, both)
        yield numbers.tobytes()
    if rest:
        numbers = np.frombuffer(rest, f"<u{width}").copy()
        _flip(numbers, width, every, both)
        yield numbers.tobytes()


def _flip(numbers: Any, width: int, every: int, both: bool) -> None:
    sign = 1 << (8 * width - 1)
    if every == 1:
        numbers ^= sign
        return
    numbers[1::2] ^= sign
    if both:  # a negated conjugate: every number once more
        numbers ^= sign


def _quantized(group: str, name: str, view: QuantizedView, role: str) -> TensorSource:
    values = _part(view.values)
    if isinstance(view.scales, TensorView) and isinstance(view.zero_points, TensorView):
        params: dict[str, Any] = {"scheme": "per_channel", "axis": view.axis}
        scales, zeros = _part(view.scales), _part(view.zero_points)
    else:
        params = {"scheme": "per_tensor"}
        scales = Part("F64", (1,), MemoryBytes(struct.pack("<d", view.scales[0])))  # type: ignore[index]
        zeros = Part("I64", (1,), MemoryBytes(struct.pack("<q", view.zero_points[0])))  # type: ignore[index]
    parts = {"values": values, "scales": scales, "zero_points": zeros}
    dtype, shape = view.values.dtype, view.shape
    if dtype in PER_BYTE:
        params |= _packing(dtype)
    encoding = Encoding("quantized", params)
    about = _attributes(view.values)
    return TensorSource(group, name, dtype, shape, parts, encoding, role=role, attributes=about)


def _sparse(group: str, name: str, view: SparseView, role: str) -> TensorSource:
    values = view.parts["values"]
    params: dict[str, Any] = {}
    if view.layout == "sparse_coo":
        params["coalesced"] = view.coalesced is True  # what torch takes it for where the file does not say
    if view.layout in ("sparse_bsr", "sparse_bsc"):
        params["blocksize"] = list(values.shape[-2:])
    parts = {key: _part(part) for key, part in view.parts.items()}
    encoding, about = Encoding(view.layout, params), _attributes(values)
    return TensorSource(group, name, values.dtype, view.shape, parts, encoding, role=role, attributes=about)


def row_major(array: numpy_objects.Array) -> bytes:
    """Return the little-endian row-major bytes of an array of NumPy."""
    if not array.fortran and not array.numpy.startswith(">"):
        return array.data
    import numpy as np

    order = "F" if array.fortran else "C"
    values = np.frombuffer(array.data, array.numpy).reshape(array.shape, order=order)  # type: ignore[call-overload]
    return bytes(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).tobytes())
