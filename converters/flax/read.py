"""A file of Flax as a checkpoint: its one map is read without its arrays, which are found at their places."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import MAX_SAFE_INTEGER
from candle_spec.conversion.contract import Field, Group, Native, NativeFormat, Part, Source
from candle_spec.conversion.jax_groups import STEP, groups_of, place
from candle_spec.converters._shared.encodings import parts_of, width_of
from candle_spec.converters._shared.names import free_name
from candle_spec.converters.flax.detect import mapped
from candle_spec.errors import CorruptFileError, LimitExceededError, UnsupportedFormatError
from candle_spec.pointer import join
from candle_spec.readers.msgpack import Data, Pairs, Place, read_one
from candle_spec.weights import state_tree
from candle_spec.weights.dtypes import DTYPES, from_numpy_name
from candle_spec.weights.sources import Bytes, ChainedBytes, FileBytes, MemoryBytes, TensorSource, total_size

_ARRAY: Final = 1
_COMPLEX: Final = 2
_SCALAR: Final = 3
_CHUNKED: Final = "__msgpack_chunked_array__"


def read(source: Source) -> Native:
    """Read the tree; no array is touched.

    Raises:
        CorruptFileError: The file is damaged.
        UnsupportedFormatError: An array's dtype is not known.
    """
    file = source.files[0]
    with mapped(file) as data:
        root = read_one(data, 0, file.size, str(file.path))
        if not isinstance(root, Pairs):
            raise CorruptFileError("the file holds no dictionary", location=str(file.path))
        return _Reading(source, data, root).native()


@dataclass(slots=True)
class _Reading:
    """One file while it is being read."""

    source: Source
    data: Data
    root: Pairs
    tensors: list[TensorSource] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    _groups: dict[tuple[str, ...], str] = field(default_factory=dict)
    _names: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def native(self) -> Native:
        """Return everything that was found."""
        self._groups = groups_of(_paths(self.root))
        state = self._tree(self.root, ())
        step = STEP.fullmatch(self.source.path.name)
        if step and not any(found.pointer == "/training_state/step" for found in self.fields):
            # Flax called its files checkpoint_<step>.
            self.fields.append(Field("/training_state/step", int(step[1]), "path", "file name"))
        used = list(dict.fromkeys(tensor.group for tensor in self.tensors))
        roots = {group: join(root) for root, group in self._groups.items()}
        native = Native(
            NativeFormat("flax", "msgpack", "Flax msgpack", "jax", evidence=("arrays as msgpack extension 1",)),
            self.source,
            groups=[Group(group, group.partition(".")[0], roots.get(group, "")) for group in used],
            tensors=self.tensors,
            state=state,
            fields=self.fields,
            weights_metadata={"format": "flax"},
        )
        for group in native.groups:
            own = [tensor for tensor in self.tensors if tensor.group == group.id]
            size = total_size(own)
            native.parts.append(Part(group.id, "kept", count=len(own), size=size))
        if "optimizer" not in {group.kind for group in native.groups}:
            native.parts.append(Part("optimizer", "absent", "the file holds no optimizer state"))
        native.parts.append(Part("topology", "absent", "the network is in the program that wrote the file"))
        return native

    def _tree(self, node: Any, path: tuple[str, ...]) -> Any:
        if isinstance(node, Pairs):
            chunked = self._chunked(node, path)
            if chunked is not None:
                return chunked
            return state_tree.mapping(
                (self._key(key), self._tree(value, (*path, str(key)))) for key, value in node.pairs
            )
        if isinstance(node, list):
            return [self._tree(item, (*path, str(index))) for index, item in enumerate(node)]
        if isinstance(node, Place):
            return self._place(node, path)
        self._note_count(path, node)
        return state_tree.encode_scalar(node)

    def _note_count(self, path: tuple[str, ...], value: Any) -> None:
        """Note the step or the epoch."""
        if path not in (("step",), ("epoch",)) or type(value) is not int or not 0 <= value <= MAX_SAFE_INTEGER:
            return
        pointer = f"/training_state/{path[0]}"
        if all(found.pointer != pointer for found in self.fields):
            self.fields.append(Field(pointer, value, "file", f"key {path[0]}"))

    def _key(self, key: Any) -> Any:
        if isinstance(key, (Pairs, list, Place)):
            raise UnsupportedFormatError("a key is neither text nor number", location=str(self.source.path))
        return state_tree.encode_scalar(key)

    def _place(self, place: Place, path: tuple[str, ...]) -> Any:
        location = f"{self.source.path}: {'/'.join(path)}"
        if place.code is None:
            return state_tree.encode_scalar(self._bytes(place))
        if place.code == _COMPLEX:
            parts = read_one(self.data, place.offset, place.offset + place.size, location)
            if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(n, (int, float)) for n in parts):
                raise CorruptFileError("a malformed complex number", location=location)
            return state_tree.encode_scalar(complex(*parts))
        shape, dtype, raw = self._array(place, location)
        if not shape and dtype in ("I32", "I64", "U32", "U64"):
            self._note_count(path, int.from_bytes(self._bytes(raw), "little", signed=dtype.startswith("I")))
        if place.code == _SCALAR and not shape and DTYPES[dtype].stored and dtype != "BF16":
            import numpy as np

            return state_tree.numpy_scalar(np.dtype(DTYPES[dtype].numpy).str, self._bytes(raw))
        return self._tensor(path, dtype, shape, (raw,))

    def _bytes(self, place: Place) -> bytes:
        """Return bytes that are no array, which the state tree holds."""
        if place.size > limits.MSGPACK_BYTES:
            location = f"{self.source.path}, byte {place.offset}"
            raise LimitExceededError(f"a value of {place.size} bytes that is no array", location=location)
        return bytes(self.data[place.offset : place.offset + place.size])

    def _array(self, place: Place, location: str) -> tuple[tuple[int, ...], str, Place]:
        """Return shape, dtype and bytes of an array.

        Raises:
            CorruptFileError: They do not fit.
            UnsupportedFormatError: The dtype is not known, or the extension is none of Flax.
        """
        if place.code not in (_ARRAY, _SCALAR):
            raise UnsupportedFormatError(f"the extension {place.code} is none of Flax", location=location)
        about = read_one(self.data, place.offset, place.offset + place.size, location)
        if not isinstance(about, list) or len(about) != 3 or not isinstance(about[0], list):
            raise CorruptFileError("a malformed array", location=location)
        shape, name, raw = about
        if isinstance(name, Place):
            name = self._bytes(name).decode("ascii", "replace")
        if not isinstance(name, str) or not isinstance(raw, Place) or not _is_shape(shape):
            raise CorruptFileError("a malformed array", location=location)
        dtype = _dtype(name, location)
        if math.prod(shape) * width_of(dtype) != raw.size:
            raise CorruptFileError(f"an array of shape {shape} and {name} has {raw.size} bytes", location=location)
        return tuple(shape), dtype, raw

    def _chunked(self, node: Pairs, path: tuple[str, ...]) -> Any:
        """Return an array that was split because msgpack holds no more than 4 GiB in one piece."""
        if node.get(_CHUNKED) is not True:
            return None
        location = f"{self.source.path}: {'/'.join(path)}"
        shape, chunks = node.get("shape"), node.get("chunks")
        if not isinstance(shape, Pairs) or not isinstance(chunks, Pairs):
            raise CorruptFileError("a malformed array of chunks", location=location)
        sizes = [value for _, value in _numbered(shape, location)]
        pieces = [value for _, value in _numbered(chunks, location)]
        if not _is_shape(sizes) or not all(isinstance(piece, Place) for piece in pieces):
            raise CorruptFileError("a malformed array of chunks", location=location)
        found = [self._array(piece, location) for piece in pieces]
        dtypes = {dtype for _, dtype, _ in found}
        if len(dtypes) != 1 or sum(math.prod(part) for part, _, _ in found) != math.prod(sizes):
            raise CorruptFileError("the chunks of an array do not fit its shape", location=location)
        return self._tensor(path, dtypes.pop(), tuple(sizes), tuple(raw for _, _, raw in found), chunks=len(found))

    def _tensor(
        self, path: tuple[str, ...], dtype: str, shape: tuple[int, ...], places: tuple[Place, ...], **about: Any
    ) -> dict[str, Any]:
        group, name = place(path, self._groups)
        name = free_name(name, self._names[group])
        self._names[group].add(name)
        pieces: list[Bytes] = [FileBytes(self.source.files[0].path, place.offset, place.size) for place in places]
        data = pieces[0] if len(pieces) == 1 else ChainedBytes(tuple(pieces))
        parts, encoding = parts_of(dtype, shape, data if data.size else MemoryBytes(b""))
        self.tensors.append(TensorSource(group, name, dtype, shape, parts, encoding, attributes=about))
        return state_tree.tensor(group, name)


def _paths(root: Pairs) -> Iterator[tuple[str, ...]]:
    """Yield the keys that lead to each array; where many arrays were one, to the first of its pieces."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, Pairs):
            waiting += [((*path, str(key)), value) for key, value in reversed(node.pairs)]
        elif isinstance(node, list):
            waiting += [((*path, str(index)), value) for index, value in reversed(list(enumerate(node)))]
        elif isinstance(node, Place) and node.code is not None:
            yield path


def _numbered(pairs: Pairs, location: str) -> list[tuple[int, Any]]:
    """Return the items of a list that stands as a dictionary with the keys "0", "1", …."""
    rows = [
        (int(key), value) for key, value in pairs.pairs if isinstance(key, str) and key.isdecimal() and len(key) < 10
    ]
    if sorted(number for number, _ in rows) != list(range(len(pairs.pairs))):
        raise CorruptFileError("a list has not the keys 0, 1, …", location=location)
    return sorted(rows, key=lambda row: row[0])


def _is_shape(sizes: list[Any]) -> bool:
    """Whether numbers are a shape; their count is looked at first, for a product of millions takes hours."""
    return len(sizes) <= limits.TENSOR_RANK and all(type(n) is int and n >= 0 for n in sizes)


def _dtype(name: str, location: str) -> str:
    try:
        return from_numpy_name(name).name
    except UnsupportedFormatError as error:
        raise UnsupportedFormatError(f"the dtype {name[:100]!r} is not known", location=location) from error
