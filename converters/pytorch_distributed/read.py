"""A distributed checkpoint of PyTorch: its description says which tensors there are, and where their pieces stand.

The pieces are opened one by one, put together, and walked as the dictionary that they once were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec import limits
from candle_spec.conversion.contract import Group, InertPickle, Native, NativeFile, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.pickle.imports import imports_of
from candle_spec.converters._shared.torch.files import TorchPickle, read_zip
from candle_spec.converters._shared.torch.structure import structure_of
from candle_spec.converters._shared.torch.walk import Walk
from candle_spec.converters.pytorch_distributed import METADATA
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    MissingPartError,
    UnsupportedFormatError,
)
from candle_spec.readers.inert_pickle import Call, Mapping, load
from candle_spec.readers.torch_dtypes import DTYPES
from candle_spec.readers.torch_objects import TorchObjects, sizes_of
from candle_spec.readers.torch_views import Storage, TensorView, TiledView, View
from candle_spec.weights.sources import total_size

_MODULE: Final = "torch.distributed.checkpoint.metadata."


Stored = dict[tuple[str, tuple[int, ...] | None], tuple[str, int, int]]
"""File, first byte and length of each piece, by name and place in its tensor (``None`` for what is no tensor)."""


def read(source: Source) -> Native:
    """Read the description and the structure of every piece.

    Raises:
        CorruptFileError: The description is none, or pieces are missing or overlap.
        MissingPartError: A file is not there.
    """
    (metadata,) = [file for file in source.files if file.name == METADATA]
    if metadata.size > limits.PICKLE_BYTES:
        raise LimitExceededError(f"a description of {metadata.size} bytes", location=str(metadata.path))
    loaded = load(metadata.path.read_bytes(), location=str(metadata.path))
    reading = _Reading(source, [imports_of(metadata.name, metadata.name, loaded.globals)])
    return reading.native(_attributes(loaded.value, "Metadata", str(metadata.path)))


def _attributes(node: Any, name: str, location: str) -> Callable[[str], Any]:
    """Return a function that gives the attributes of a record of one of the description's classes.

    Raises:
        CorruptFileError: It is no such record.
    """
    if not isinstance(node, Call) or node.path.rpartition(".")[2] != name or not isinstance(node.state, Mapping):
        raise CorruptFileError(f"the description holds no {name} where one should be", location=location)
    return node.state.get


@dataclass(slots=True)
class _Reading:
    """One folder while it is being read."""

    source: Source
    found: list[InertPickle]
    checks: list[Callable[[], str]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def location(self) -> str:
        """The folder, for errors."""
        return str(self.source.path)

    def native(self, metadata: Callable[[str], Any]) -> Native:
        """Return everything that was found."""
        described, planned = metadata("state_dict_metadata"), metadata("planner_data")
        if not isinstance(described, Mapping):
            raise CorruptFileError("the description names nothing", location=self.location)
        stored = self._stored(metadata("storage_data"))
        root = Mapping()
        for name, about in described.unique():
            if not isinstance(name, str):
                raise CorruptFileError("a name is no text", location=self.location)
            path = planned.get(name) if isinstance(planned, Mapping) else None
            keys = path if isinstance(path, tuple) and path and len(path) < limits.JSON_DEPTH // 4 else (name,)
            _put(root, keys, self._value(name, about, stored))
        return self._described(root)

    def _described(self, root: Mapping) -> Native:
        objects = TorchObjects(_nowhere, self.location)
        structure = structure_of(root, objects)
        walk = Walk(objects, structure.group_of)
        state = walk.tree(root)
        used = dict.fromkeys(tensor.group for tensor in walk.tensors)
        about = {group.id: group for group in structure.groups}
        shards = sum(file.name.endswith(".distcp") for file in self.source.files)
        title = "PyTorch distributed checkpoint"
        native = Native(
            NativeFormat("pytorch_distributed", "filesystem", title, "pytorch", evidence=(f"{shards} .distcp files",)),
            self.source,
            groups=[about.get(group) or Group(group, group.partition(".")[0]) for group in used],
            tensors=walk.tensors,
            state=state,
            fields=[infer_name(self.source, structure.names), *structure.fields],
            pickles=self.found,
            checks=self.checks,
            weights_metadata={"format": "pt"},
        )
        for group in used:
            own = [tensor for tensor in walk.tensors if tensor.group == group]
            size = total_size(own)
            native.parts.append(Part(group, "kept", count=len(own), size=size))
        named = {part.what for part in native.parts}
        native.parts += [part for part in structure.parts if part.what not in named]
        if self.unread:
            reason = f"tensors inside other values, not read: {', '.join(self.unread[:8])}"[:1000]
            native.parts.append(Part("values", "residue", reason, count=len(self.unread)))
        native.parts.append(Part("topology", "absent", "the network's Python code is not in the folder"))
        return native

    def _stored(self, data: Any) -> Stored:
        """Return where every piece stands."""
        if not isinstance(data, Mapping):
            raise CorruptFileError("the description does not say where the pieces are", location=self.location)
        stored: Stored = {}
        for key, value in data.pairs:
            index = _attributes(key, "MetadataIndex", self.location)
            info = _attributes(value, "_StorageInfo", self.location)
            if info("transform_descriptors"):
                raise UnsupportedFormatError("the pieces are packed", location=self.location, hint="save it unpacked")
            place = index("offset")
            where = (info("relative_path"), info("offset"), info("length"))
            if not isinstance(where[0], str) or not all(type(n) is int and n >= 0 for n in where[1:]):
                raise CorruptFileError("a piece has no place", location=self.location)
            stored[str(index("fqn")), None if place is None else self._sizes(place)] = where
        return stored

    def _sizes(self, node: Any) -> tuple[int, ...]:
        try:
            return sizes_of(node)
        except (ValueError, TypeError) as error:
            raise CorruptFileError(f"malformed sizes: {error}", location=self.location) from error

    def _value(self, name: str, about: Any, stored: Stored) -> Any:
        """Return a tensor's view, or the record of what is no tensor."""
        path = about.path if isinstance(about, Call) else ""
        if path == f"{_MODULE}BytesStorageMetadata":
            loaded = self._piece(name, None, stored).loaded
            if loaded.persistent:
                self.unread.append(name)
                return None
            return loaded.value
        if path != f"{_MODULE}TensorStorageMetadata":
            raise UnsupportedFormatError(f"{name!r} is described by {path or 'nothing known'}", location=self.location)
        return self._tensor(name, _attributes(about, "TensorStorageMetadata", self.location), stored)

    def _tensor(self, name: str, about: Callable[[str], Any], stored: Stored) -> View:
        shape, chunks = self._sizes(about("size")), about("chunks")
        properties = about("properties")
        state = properties.state if isinstance(properties, Call) else None
        dtype = DTYPES.get(getattr(state[0], "name", ""), "") if isinstance(state, tuple) and len(state) > 2 else ""
        if not dtype or not isinstance(chunks, list) or not chunks:
            raise CorruptFileError(f"{name!r} has no dtype or no pieces", location=self.location)
        if len(chunks) > limits.TENSOR_SLICES:
            raise LimitExceededError(f"{name!r} is kept in {len(chunks)} pieces", location=self.location)
        tiles = []
        for chunk in chunks:
            piece = _attributes(chunk, "ChunkStorageMetadata", self.location)
            start, sizes = self._sizes(piece("offsets")), self._sizes(piece("sizes"))
            view = self._view(name, start, stored)
            if view.shape != sizes or view.dtype != dtype:
                message = f"a piece of {name!r} is {list(view.shape)} {view.dtype}, not {list(sizes)} {dtype}"
                raise CorruptFileError(message, location=self.location)
            tiles.append((start, view))
        if len(tiles) == 1 and tiles[0][1].shape == shape:
            return tiles[0][1]
        return TiledView(dtype, shape, tuple(tiles), isinstance(state, tuple) and state[2] is True)

    def _view(self, name: str, start: tuple[int, ...], stored: Stored) -> TensorView:
        piece = self._piece(name, start, stored)
        view = TorchObjects(piece.storage_of, f"{self.location}: {name}").tensor(piece.loaded.value)
        if not isinstance(view, TensorView):
            raise UnsupportedFormatError(f"a piece of {name!r} is no plain tensor", location=self.location)
        return view

    def _piece(self, name: str, start: tuple[int, ...] | None, stored: Stored) -> TorchPickle:
        """Read the pickle of one piece, which is a whole archive.

        Raises:
            CorruptFileError: The description does not say where it is, or it lies beyond its file.
            MissingPartError: Its file is not there.
        """
        if (name, start) not in stored:
            raise CorruptFileError(f"nothing says where {name!r} at {start} is", location=self.location)
        relative, offset, size = stored[name, start]
        file: NativeFile | None = next((file for file in self.source.files if file.name == relative), None)
        if file is None:
            message = f"{name!r} is in {relative!r}, which is not there"
            raise MissingPartError(message, location=self.location, hint="fetch the files of all processes")
        if offset + size > file.size:
            raise CorruptFileError(f"{name!r} lies beyond the end of {relative!r}", location=str(file.path))
        try:
            read = read_zip(file.path, offset, size)
        except CandleSpecError as error:
            error.location = f"{error.location}: {name}"
            raise
        self.checks += read.checks
        piece = read.pickles[0]
        self.found.append(imports_of(file.name, f"byte {offset}: {piece.member}", piece.loaded.globals))
        return piece


def _nowhere(identity: Any) -> Storage:
    raise CorruptFileError(f"a reference to no storage: {str(identity)[:80]}")


def _put(root: Mapping, path: tuple[Any, ...], value: Any) -> None:
    """Put a value where its keys lead, making the dictionaries on the way."""
    for key in path[:-1]:
        inner = next((found for name, found in root.pairs if type(name) is type(key) and name == key), None)
        if not isinstance(inner, Mapping):
            inner = Mapping()
            root.pairs.append((key, inner))
        root = inner
    root.pairs.append((path[-1], value))
