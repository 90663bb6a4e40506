"""Tensors of a running training: their bytes are read from live memory when they are asked for.

What is described here stays true only until the training goes on: write it before, or copy it first
(:mod:`candle_spec.series.saves.arena`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from candle_spec.errors import UnsupportedFormatError
from candle_spec.weights.dtypes import DTYPES, from_numpy
from candle_spec.weights.sources import Bytes, Encoding, Extent, MemoryBytes, Part, TensorSource
from candle_spec.weights.strides import row_major

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class LiveBytes:
    """The items of an array in memory, in row-major order, whatever its strides.

    Attributes:
        array: The array; little-endian items of whole bytes.
        private: Whether nobody else changes the array any more: then a snapshot need not copy it.
    """

    array: npt.NDArray[Any]
    private: bool = False

    @property
    def size(self) -> int:
        return int(self.array.nbytes)

    @property
    def extents(self) -> tuple[Extent, ...]:
        return ()

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield the items; an array that is in order already is yielded as it stands, without a copy."""
        if not self.size:
            return
        if self.array.flags.c_contiguous:
            yield self._flat().data
            return
        yield from row_major(self.array)

    def copy_to(self, target: npt.NDArray[Any], start: int) -> None:
        """Copy the bytes from byte ``start`` on into ``target``, an array of bytes; without the interpreter's lock.

        An array that is not in order is copied as a whole.
        """
        import numpy as np

        if self.array.flags.c_contiguous:
            target[...] = self._flat()[start : start + len(target)]
        else:
            np.copyto(target.view(self.array.dtype).reshape(self.array.shape), self.array)

    def _flat(self) -> npt.NDArray[Any]:
        import numpy as np

        return self.array.reshape(-1).view(np.uint8)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tensor found in a live structure, before it has a name.

    Attributes:
        dtype: Logical dtype.
        shape: Logical shape.
        parts: Stored arrays.
        encoding: Where it is stored encoded.
        identity: Equal for tensors that share every byte; ``None`` where nothing can be said.
        role: ``"parameter"``, ``"buffer"`` or ``""``.
        attributes: What else is known.
        reference: What the state tree says of a reference to it.
    """

    dtype: str
    shape: tuple[int, ...]
    parts: Mapping[str, Part]
    encoding: Encoding | None = None
    identity: Hashable = None
    role: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    reference: Mapping[str, Any] = field(default_factory=dict)

    def named(self, group: str, name: str, alias_of: tuple[str, str] | None = None, label: str = "") -> TensorSource:
        """Return the tensor under a name; an alias has no bytes of its own."""
        parts = {} if alias_of else self.parts
        return TensorSource(
            group=group,
            name=name,
            dtype=self.dtype,
            shape=self.shape,
            parts=parts,
            encoding=self.encoding,
            alias_of=alias_of,
            role=self.role,
            label=label,
            attributes=self.attributes,
        )


def array_leaf(array: npt.NDArray[Any], *, private: bool = False, location: str = "") -> Leaf:
    """Return the leaf of a NumPy array, encoded where safetensors lacks its dtype.

    Raises:
        UnsupportedFormatError: The array holds Python objects, or items that the format does not know.
    """
    import numpy as np

    if array.dtype.hasobject or (array.dtype.kind in "OMmSUV" and not _extended(array)):
        raise UnsupportedFormatError(
            f"an array of {array.dtype} cannot be saved as numbers",
            location=location,
            hint="save it as text or as numbers",
        )
    dtype = from_numpy(array.dtype).name
    shape = tuple(int(n) for n in array.shape)
    little = array if array.dtype.byteorder != ">" else array.astype(array.dtype.newbyteorder("<"))
    if not little.flags.c_contiguous and not array.ndim:
        little = np.ascontiguousarray(little)
    data: Bytes = LiveBytes(little, private or little is not array) if little.nbytes else MemoryBytes(b"")
    leaf = Leaf(dtype, shape, {"": Part(dtype, shape, data)}, identity=_identity(array))
    if DTYPES[dtype].in_place:
        return leaf
    if dtype == "C128":
        return replace(leaf, parts={"values": Part("F64", (*shape, 2), data)}, encoding=Encoding("complex_pairs"))
    raw = Part("U8", (*shape, int(array.dtype.itemsize)), data)
    return replace(leaf, parts={"values": raw}, encoding=Encoding("raw", {"byte_order": "little"}))


def _extended(array: npt.NDArray[Any]) -> bool:
    """Whether the items are of ``ml_dtypes``, which calls some of its kinds ``V``."""
    return array.dtype.names is None and any(row.numpy == array.dtype.name for row in DTYPES.values())


def _identity(array: npt.NDArray[Any]) -> Hashable:
    if not array.nbytes:
        return None
    return ("numpy", array.__array_interface__["data"][0], array.dtype.str, array.shape, array.strides)
