"""Tensors of a running training: their bytes are read from live memory when they are asked for.

What is described here stays true only until the training goes on: write it before, or copy it first
(:mod:`candle_spec.series.saves.arena`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from candle_spec.errors import UnsupportedFormatError
from candle_spec.weights.dtypes import DTYPES, from_numpy, is_extended
from candle_spec.weights.native_dtype import native_dtype
from candle_spec.weights.records import columns, described
from candle_spec.weights.sources import Bytes, Encoding, Extent, MemoryBytes, Part, TensorSource
from candle_spec.weights.strides import row_major
from candle_spec.weights.strings import is_unicode, stored_strings

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

    Texts and records are copied at once, numbers and dates are read when they are asked for.

    Raises:
        UnsupportedFormatError: The array holds Python objects, or items that the format does not know.
    """
    if array.dtype.hasobject or array.dtype.kind not in "biufcmMSUV" or not array.dtype.itemsize:
        raise UnsupportedFormatError(
            f"an array of {array.dtype} cannot be saved as numbers",
            location=location,
            hint="save it as text or as numbers",
        )
    about = native_dtype(array.dtype)
    leaf = Leaf("", tuple(int(n) for n in array.shape), {}, identity=_identity(array), attributes=about)
    if array.dtype.kind in "SU":
        return _texts(leaf, array)
    if array.dtype.names:
        return _records(leaf, array)
    if array.dtype.kind in "mM":
        array = array.view(array.dtype.str[0] + "i8")
    elif array.dtype.kind == "V" and not is_extended(array.dtype):
        return _raw(leaf, array, "BYTES", "unknown")
    return _numbers(leaf, array, private)


def _numbers(leaf: Leaf, array: npt.NDArray[Any], private: bool) -> Leaf:
    import numpy as np

    dtype = from_numpy(array.dtype).name
    if not DTYPES[dtype].in_place and dtype != "C128":
        return _raw(leaf, array, dtype, "big" if array.dtype.str.startswith(">") else "little", private)
    little = array if array.dtype.byteorder != ">" else array.astype(array.dtype.newbyteorder("<"))
    if not little.flags.c_contiguous and not array.ndim:
        little = np.ascontiguousarray(little)
    data: Bytes = LiveBytes(little, private or little is not array) if little.nbytes else MemoryBytes(b"")
    if DTYPES[dtype].in_place:
        return replace(leaf, dtype=dtype, parts={"": Part(dtype, leaf.shape, data)})
    pairs = Part("F64", (*leaf.shape, 2), data)
    return replace(leaf, dtype=dtype, parts={"values": pairs}, encoding=Encoding("complex_pairs"))


def _raw(leaf: Leaf, array: npt.NDArray[Any], dtype: str, order: str, private: bool = False) -> Leaf:
    """The items as they stand."""
    data: Bytes = LiveBytes(array, private) if array.nbytes else MemoryBytes(b"")
    raw = Part("U8", (*leaf.shape, int(array.dtype.itemsize)), data)
    return replace(leaf, dtype=dtype, parts={"values": raw}, encoding=Encoding("raw", {"byte_order": order}))


def _texts(leaf: Leaf, array: npt.NDArray[Any]) -> Leaf:
    """Strings of one width, without their padding; code points that are no text as they stand."""
    width = int(array.dtype.itemsize)
    if array.dtype.kind == "S":
        dtype, parts, encoding = stored_strings(array.reshape(-1).tolist(), text=False, width=width)
        return replace(leaf, dtype=dtype, parts=parts, encoding=encoding)
    if not is_unicode(array):
        return _raw(leaf, array.copy(), "BYTES", "big" if array.dtype.str.startswith(">") else "little", private=True)
    texts = [item.encode("utf-8") for item in array.reshape(-1).tolist()]
    dtype, parts, encoding = stored_strings(texts, text=True, width=width // 4)
    return replace(leaf, dtype=dtype, parts=parts, encoding=encoding)


def _records(leaf: Leaf, array: npt.NDArray[Any]) -> Leaf:
    """One part for each field."""
    parts = {
        column.name: Part(column.stored, (*leaf.shape, *column.tail), MemoryBytes(column.items(array).tobytes()))
        for column in columns(array.dtype)
    }
    return replace(leaf, dtype="STRUCT", parts=parts, encoding=Encoding("structured", described(array.dtype)))


def _identity(array: npt.NDArray[Any]) -> Hashable:
    if not array.nbytes:
        return None
    return ("numpy", array.__array_interface__["data"][0], array.dtype, array.shape, array.strides)
