"""The tensor of a ``TensorProto``: its values in place where they are raw, in typed fields, or in another file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from candle_spec import limits
from candle_spec.conversion.contract import NativeFile
from candle_spec.converters._shared.source_files import leads_out
from candle_spec.converters.onnx.lists import Listed, tensor_of
from candle_spec.converters.onnx.places import Place
from candle_spec.converters.onnx.tensor_proto import Proto, read_proto
from candle_spec.converters.onnx.types import DOUBLES, FLOATS, RAW, STRINGS, DataType
from candle_spec.converters.onnx.varints import Numbers
from candle_spec.errors import CorruptFileError, LimitExceededError, MissingPartError, UnsafeContentError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window
from candle_spec.weights.dtypes import DTYPES, whole_bytes
from candle_spec.weights.packing import packed
from candle_spec.weights.sources import (
    Bytes,
    ChainedBytes,
    Encoding,
    FileBytes,
    MadeBytes,
    MemoryBytes,
    Part,
    TensorSource,
)
from candle_spec.weights.strings import stored_strings

_INLINE: Final = 64
"""Values shorter than this stay in the skeleton: shapes and axes are read there."""


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a tensor.

    Attributes:
        data: Their bytes, as raw data has them.
        fields: The fields of the model's file that hold them, empty if another file does.
    """

    data: Bytes
    fields: tuple[protobuf.Field, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads tensors of one model.

    Attributes:
        model: The model's file.
        files: All files that may be read, by name.
    """

    model: NativeFile
    files: dict[str, NativeFile]

    def read(self, place: Place, group: str) -> tuple[TensorSource, list[protobuf.Field]]:
        """Return the tensor at a place, and the fields that can be left out of the skeleton."""
        if isinstance(place.content, Listed):
            return tensor_of(place.content, self.model.path, group, place.name, place.role), []
        read = self._sparse if place.sparse else self._tensor
        found, large = read(place.content, group, place.name)
        return replace(found, role=place.role.of(found.dtype)), large

    def _tensor(self, window: Window, group: str, name: str) -> tuple[TensorSource, list[protobuf.Field]]:
        """Return the tensor of a ``TensorProto``."""
        proto = read_proto(window)
        attributes: dict[str, Any] = {"onnx_name": proto.name} if proto.name not in (name, "") else {}
        if proto.type.field == STRINGS:
            return self._strings(proto, group, name, attributes), []
        values = self._values(proto)
        large = [item for item in values.fields if item.window.size >= _INLINE]
        return _source(proto, values.data, group, name, attributes), large

    def _sparse(self, window: Window, group: str, name: str) -> tuple[TensorSource, list[protobuf.Field]]:
        """Return the tensor of a ``SparseTensorProto``: values, their places, the shape."""
        inner: dict[int, Window] = {}
        shape: list[int] = []
        for item in protobuf.fields(window):
            if item.number in (1, 2) and item.wire == protobuf.BYTES:
                inner[item.number] = item.window
            elif item.number == 3:
                shape += protobuf.ints(item)
        if set(inner) != {1, 2} or any(n < 0 for n in shape) or len(shape) > limits.TENSOR_RANK:
            raise CorruptFileError("a sparse tensor lacks values, places or shape", location=window.location)
        values, fields = self._tensor(inner[1], group, name)
        places, _ = self._tensor(inner[2], "", name)
        indices, rises = _coordinates(places, read_proto(inner[2]), tuple(shape), values.shape)
        parts = {"indices": indices, "values": values.parts[""]} if "" in values.parts else {}
        if not parts:
            raise CorruptFileError("a sparse tensor of encoded values", location=window.location)
        encoding = Encoding("sparse_coo", {"coalesced": rises})
        return TensorSource(group, name, values.dtype, tuple(shape), parts, encoding), fields

    def _values(self, proto: Proto) -> Values:
        """Return the values, wherever they are.

        Raises:
            CorruptFileError: They do not fit shape and data type.
        """
        if proto.is_external:
            return Values(self._external(proto), ())
        present = {number: items for number, items in proto.content.items() if any(i.window.size for i in items)}
        if RAW in present:
            items = present[RAW]
            data = FileBytes(self.model.path, items[-1].window.offset, items[-1].window.size)
            return self._checked(proto, Values(data, tuple(items)))
        items = present.get(proto.type.field, [])
        if not items:
            return self._checked(proto, Values(MemoryBytes(b""), ()))
        pieces: list[Bytes] = [FileBytes(self.model.path, i.window.offset, i.window.size) for i in items]
        whole = pieces[0] if len(pieces) == 1 else ChainedBytes(tuple(pieces))
        if proto.type.field in (FLOATS, DOUBLES):
            return self._checked(proto, Values(whole, tuple(items)))
        return self._checked(proto, Values(_made(proto, whole), tuple(items)))

    def _checked(self, proto: Proto, values: Values) -> Values:
        if values.data.size != proto.size:
            message = f"a tensor of shape {list(proto.shape)} and {proto.type.name} has {values.data.size} bytes"
            raise CorruptFileError(message, location=proto.place)
        return values

    def _external(self, proto: Proto) -> Bytes:
        """Return values that are in another file of the same folder.

        Raises:
            UnsafeContentError: The file lies elsewhere.
            MissingPartError: It is not there.
            CorruptFileError: It is too short.
        """
        location = proto.external.get("location", "")
        plain = location.replace("\\", "/")
        if not plain or leads_out(plain):
            raise UnsafeContentError(f"the values are said to be in {location!r}", location=proto.place)
        name = posixpath.normpath(posixpath.join(posixpath.dirname(self.model.name), plain))
        file = self.files.get(name)
        if file is None:
            raise MissingPartError(
                f"the values of {proto.name!r} are in {location!r}, which is not among the files named",
                location=proto.place,
                hint="name the folder that holds both",
            )
        numbers = {key: proto.external.get(key, "") for key in ("offset", "length")}
        if not all(re.fullmatch(r"[0-9]{0,18}", text) for text in numbers.values()):
            raise CorruptFileError("offset or length of the values is no number", location=proto.place)
        offset = int(numbers["offset"] or 0)
        # ONNX Runtime goes by the shape where the length is absent, or 0 as a writer that leaves it unset has it.
        length = int(numbers["length"] or 0) or proto.size
        if offset + length > file.size or length != proto.size:
            message = f"{length} bytes at {offset} of {location!r} ({file.size} bytes) for {proto.size}"
            raise CorruptFileError(message, location=proto.place)
        return FileBytes(file.path, offset, length)

    def _strings(self, proto: Proto, group: str, name: str, attributes: dict[str, Any]) -> TensorSource:
        """The strings, bounded, for they are read now."""
        items = proto.content.get(STRINGS, [])
        if sum(item.window.size for item in items) > limits.ONNX_STRINGS or len(items) != proto.count:
            message = f"{len(items)} strings for the shape {list(proto.shape)}, or far too long ones"
            raise (CorruptFileError if len(items) != proto.count else LimitExceededError)(message, location=proto.place)
        dtype, parts, encoding = stored_strings([item.window.bytes() for item in items])
        return TensorSource(group, name, dtype, proto.shape, parts, encoding, attributes=attributes)


def _made(proto: Proto, whole: Bytes) -> Bytes:
    """Return elements that a typed field holds as numbers of another width."""
    width = max(1, proto.type.bits // 8)
    # A number of the field is a byte of four or two bits' elements, but an element of six.
    bits = 8 if proto.type.bits < 6 else proto.type.bits
    numbers = Numbers(whole, width, bits, proto.type.signed, proto.place)
    if bits == 6:
        return MadeBytes(-(-numbers.count() * bits // 8), lambda: packed(numbers.blocks(), bits))
    return MadeBytes(numbers.count() * width, numbers.blocks)


def _source(proto: Proto, data: Bytes, group: str, name: str, attributes: dict[str, Any]) -> TensorSource:
    kind: DataType = proto.type
    data = data if data.size else MemoryBytes(b"")
    if kind.packed and (not DTYPES[kind.dtype].stored or whole_bytes(kind.dtype, proto.shape) is None):
        parts = {"values": Part("U8", (data.size,), data)}
        encoding = Encoding("packed", {"bits": kind.bits, "order": "low-first"})
        return TensorSource(group, name, kind.dtype, proto.shape, parts, encoding, attributes=attributes)
    if kind.dtype == "C128":
        parts = {"values": Part("F64", (*proto.shape, 2), data)}
        return TensorSource(group, name, "C128", proto.shape, parts, Encoding("complex_pairs"), attributes=attributes)
    part = Part(kind.dtype, proto.shape, data)
    return TensorSource(group, name, kind.dtype, proto.shape, {"": part}, attributes=attributes)


def _coordinates(source: TensorSource, proto: Proto, shape: Sequence[int], values: Sequence[int]) -> tuple[Part, bool]:
    """Return the places as a matrix of one row for each axis, and whether they rise.

    ONNX has them linear, or one row for each value.
    """
    import numpy as np

    plain = source.parts.get("")
    if plain is None or plain.dtype != "I64" or plain.data.size > limits.ONNX_STRINGS:
        raise CorruptFileError("the places of a sparse tensor are no integers", location=proto.place)
    numbers = np.frombuffer(b"".join(bytes(block) for block in plain.data.blocks()), "<i8").reshape(plain.shape)
    count, rank = (values[0] if values else 0), len(shape)
    if plain.shape == (count,):
        total = int(np.prod(shape, dtype=object)) if shape else 1
        if len(numbers) and not (int(numbers.min()) >= 0 and int(numbers.max()) < total < 1 << 62):
            raise CorruptFileError("a place lies outside the sparse tensor", location=proto.place)
        rows = np.array(np.unravel_index(numbers, tuple(shape)), "<i8") if count else np.zeros((rank, 0), "<i8")
    elif plain.shape == (count, rank):
        rows = numbers.T
        if any(len(row) and not 0 <= int(row.min()) <= int(row.max()) < n for row, n in zip(rows, shape, strict=True)):
            raise CorruptFileError("a place lies outside the sparse tensor", location=proto.place)
    else:
        raise CorruptFileError("the places of a sparse tensor do not fit its values", location=proto.place)
    order = np.lexsort(rows[::-1]) if rank else np.arange(count)
    rises = bool((order == np.arange(count)).all() and (rows[:, 1:] != rows[:, :-1]).any(axis=0).all())
    return Part("I64", (rank, count), MemoryBytes(np.ascontiguousarray(rows).tobytes())), rises


def external_names(places: Sequence[Place]) -> set[str]:
    """Return where the values of tensors are said to be, as far as that is in other files."""
    windows = [each.content for each in places if isinstance(each.content, Window) and not each.sparse]
    return {proto.external.get("location", "") for window in windows if (proto := read_proto(window)).is_external}
