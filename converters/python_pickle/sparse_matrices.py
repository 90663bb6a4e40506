"""Sparse matrices of SciPy in pickles, as sparse tensors; never made dense.

Attributes of the classes: https://github.com/scipy/scipy/tree/main/scipy/sparse. Kept as they are where their arrays do
not fit each other; formats other than CSR, CSC, BSR and COO are kept as the arrays that they consist of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec.converters._shared.pickle.arrays import ArrayNode
from candle_spec.converters.python_pickle.array_reader import ArrayReader
from candle_spec.converters.python_pickle.tensors import tensor_of
from candle_spec.readers.inert_pickle import Mapping
from candle_spec.weights.sources import Bytes, ChainedBytes, Encoding, MadeBytes, Part, TensorSource

if TYPE_CHECKING:
    import numpy as np

SPARSE: Final = {
    **dict.fromkeys(("csr_matrix", "csr_array"), "sparse_csr"),
    **dict.fromkeys(("csc_matrix", "csc_array"), "sparse_csc"),
    **dict.fromkeys(("bsr_matrix", "bsr_array"), "sparse_bsr"),
    **dict.fromkeys(("coo_matrix", "coo_array"), "sparse_coo"),
}


def sparse_tensor(
    group: str, name: str, class_name: str, state: Mapping, arrays: ArrayReader
) -> tuple[TensorSource, tuple[str, ...]] | None:
    """Return the tensor of a sparse matrix and the attributes that it holds, ``None`` where they do not fit."""
    layout = SPARSE[class_name.rpartition(".")[2]]
    shape = state.get("_shape", state.get("shape"))
    if not isinstance(shape, tuple) or not all(type(n) is int and 0 <= n < 1 << 50 for n in shape) or not shape:
        return None
    values = _part(group, arrays.array(state.get("data")))
    if values is None:
        return None
    if layout == "sparse_coo":
        return _coo(group, name, shape, values, state, arrays)
    compressed = _part(group, arrays.array(state.get("indptr")))
    plain = _part(group, arrays.array(state.get("indices")))
    if compressed is None or plain is None or not {compressed.dtype, plain.dtype} <= {"I32", "I64"}:
        return None
    block = values.shape[1:] if layout == "sparse_bsr" else ()
    axis = shape[1] if layout == "sparse_csc" and len(shape) == 2 else shape[0]
    rows = axis // block[0] if len(block) == 2 and block[0] else axis
    if len(shape) != 2 or compressed.shape != (rows + 1,) or plain.shape[:1] != values.shape[:1]:
        return None
    if len(plain.shape) != 1 or len(values.shape) != (3 if layout == "sparse_bsr" else 1):
        return None
    parts = {"compressed": compressed, "plain": plain, "values": values}
    encoding = Encoding(layout, {"blocksize": list(block)} if block else {})
    return TensorSource(group, name, values.dtype, shape, parts, encoding), ("data", "indices", "indptr")


def _part(group: str, array: ArrayNode | None) -> Part | None:
    """Return an array as one stored part, ``None`` where it would itself be encoded."""
    found = tensor_of(group, "", array) if array is not None and not isinstance(array.data, list) else None
    return found.parts[""] if found is not None and found.encoding is None else None


def _coo(
    group: str, name: str, shape: tuple[int, ...], values: Part, state: Mapping, arrays: ArrayReader
) -> tuple[TensorSource, tuple[str, ...]] | None:
    """Coordinates stand in one array for each axis; the stored ones are one array of 64-bit integers."""
    given = state.get("coords")
    nodes = list(given) if isinstance(given, tuple) else [state.get("row"), state.get("col")]
    axes = [_part(group, arrays.array(node)) for node in nodes]
    if len(axes) != len(shape) or len(values.shape) != 1:
        return None
    pieces: list[Bytes] = []
    for axis in axes:
        if axis is None or axis.dtype not in ("I32", "I64") or axis.shape != values.shape:
            return None
        wide = axis.dtype == "I64"
        pieces.append(axis.data if wide else MadeBytes(8 * axis.shape[0], _Widened(axis.data).blocks))
    indices = Part("I64", (len(axes), *values.shape), ChainedBytes(tuple(pieces)))
    encoding = Encoding("sparse_coo", {"coalesced": False})
    used = ("data", "coords") if isinstance(given, tuple) else ("data", "row", "col")
    return TensorSource(group, name, values.dtype, shape, {"indices": indices, "values": values}, encoding), used


@dataclass(frozen=True, slots=True)
class _Widened:
    """32-bit integers as 64-bit ones."""

    data: Bytes

    def blocks(self) -> Iterator[memoryview]:
        import numpy as np

        rest = b""
        for block in self.data.blocks():
            joined = rest + bytes(block)
            whole = len(joined) - len(joined) % 4
            rest = joined[whole:]
            numbers: np.ndarray[Any, Any] = np.frombuffer(joined[:whole], "<i4").astype("<i8")
            yield np.frombuffer(numbers.tobytes(), np.uint8).data
