"""The tensors of a checkpoint, grouped and named by its object graph or, in TensorFlow 1, by the customs of names."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from candle_spec.conversion.contract import Group, Native, NativeFile, Part
from candle_spec.converters._shared.tensorflow.names import kinds_of
from candle_spec.converters._shared.tensorflow.objects import (
    COPIES,
    GRAPH_KEY,
    Meaning,
    Node,
    meanings,
    objects_tree,
    parse_objects,
)
from candle_spec.converters._shared.tensorflow.shards import Shards, Stored
from candle_spec.converters._shared.tensorflow.types import data_type
from candle_spec.errors import CorruptFileError, MissingPartError
from candle_spec.readers.protobuf import Window
from candle_spec.readers.tensor_bundle import Entry, read_index
from candle_spec.weights import state_tree
from candle_spec.weights.sources import Bytes, Extent, FileBytes, TensorSource, total_size

_ORDER: Final = ("model", "ema", "optimizer", "metric", "rng", "sampler", "scheduler", "scaler", "other")
_NO_VALUE: Final = "their values are those of running objects (tables, iterators), which no tensor holds"
_SMALL: Final = 64


@dataclass(slots=True)
class Variables:
    """What a checkpoint's index and shards hold.

    Attributes:
        object_based: Whether an object graph says what the tensors are.
        tensors: The tensors, in the order of the index, copies last.
        state: The state tree.
        parts: Lines of the certificate.
        checks: Comparisons of checksums.
        producer: Version of the writer's format.
    """

    object_based: bool
    tensors: list[TensorSource]
    state: Any
    parts: list[Part]
    checks: list[Callable[[], str]] = field(default_factory=list)
    producer: int = 0

    @property
    def groups(self) -> list[Group]:
        """The groups that hold tensors."""
        return groups_of(self.tensors)


def groups_of(tensors: Sequence[TensorSource]) -> list[Group]:
    """Return the groups of some tensors, the model first."""
    used = {tensor.group for tensor in tensors}
    return [Group(kind, kind) for kind in _ORDER if kind in used]


def kept_parts(tensors: Sequence[TensorSource]) -> list[Part]:
    """Return what the certificate says of the groups of some tensors, and of an optimizer that is not there."""
    parts = []
    for group in groups_of(tensors):
        own = [tensor for tensor in tensors if tensor.group == group.id]
        size = total_size(own)
        parts.append(Part(group.id, "kept", count=len(own), size=size))
    if all(tensor.group != "optimizer" for tensor in tensors):
        parts.append(Part("optimizer", "absent", "the checkpoint holds no optimizer state"))
    return parts


def note_others(native: Native, files: Sequence[NativeFile]) -> None:
    """Say that files that do not belong to a checkpoint are only in the native bytes."""
    if files:
        names = ", ".join(posixpath.basename(file.name) for file in files[:3])
        native.parts.append(Part("other files", "residue", names[:500], len(files), sum(f.size for f in files)))


def read_variables(
    index: NativeFile, files: Mapping[str, NativeFile], roles: Callable[[list[Node]], Mapping[str, str]]
) -> Variables:
    """Read a checkpoint.

    Args:
        index: Its index.
        files: All files at hand, by name.
        roles: Gives, for an object graph (or none), what else is known of the tensors' roles, by name.

    Raises:
        MissingPartError: A shard is not there.
        CorruptFileError: The checkpoint breaks its format.
        UnsupportedFormatError: It uses what is not read.
    """
    bundle = read_index(index.path)
    prefix = index.name.removesuffix(".index")
    paths = []
    for number in range(bundle.shards):
        name = f"{prefix}.data-{number:05d}-of-{bundle.shards:05d}"
        if name not in files:
            hint = "name the folder that holds the index and all shards"
            raise MissingPartError(f"{name} is not there", location=str(index.path), hint=hint)
        paths.append(files[name].path)
    return _Reading(Shards(bundle, tuple(paths)), index.name, roles).variables()


class _Reading:
    def __init__(self, shards: Shards, location: str, roles: Callable[[list[Node]], Mapping[str, str]]) -> None:
        self._shards = shards
        self._entries = shards.bundle.tensors
        self._location = location
        self._same: list[tuple[Entry, Entry, str]] = []
        _disjoint([*self._entries.items(), *((repr(k), e) for k, e in shards.bundle.pieces.items())], location)
        self._stored = {name: shards.tensor(name, entry) for name, entry in self._entries.items()}
        self._nodes = self._object_graph()
        self._meanings = self._all_meanings()
        self._roles = roles(self._nodes)

    def variables(self) -> Variables:
        """Return everything that was found."""
        tensors = self._tensors()
        checks: list[Callable[[], str]] = [*self._shards.checks(), *(Twins(self._shards, *row) for row in self._same)]
        return Variables(
            object_based=bool(self._nodes),
            tensors=list(tensors.values()),
            state=self._state(tensors),
            parts=self._parts(tensors),
            checks=checks,
            producer=self._shards.bundle.producer,
        )

    def _object_graph(self) -> list[Node]:
        stored = self._stored.get(GRAPH_KEY)
        if stored is None or stored.dtype != "BYTES" or stored.shape != ():
            return []
        data = b"".join(bytes(block) for block in stored.parts["bytes"].data.blocks())
        return parse_objects(Window(data, 0, len(data), f"{self._location}, {GRAPH_KEY}"))

    def _all_meanings(self) -> dict[str, Meaning]:
        if self._nodes:
            known = meanings(self._nodes)
            return {name: known.get(name, Meaning("other")) for name in self._entries}
        shapes = {name: entry.shape for name, entry in self._entries.items()}
        return {name: Meaning(kind) for name, kind in kinds_of(shapes).items()}

    def _tensors(self) -> dict[str, TensorSource]:
        twins = self._twins()
        owners = {owner: copy for copy, owner in twins.items()}
        # Copies come last: whoever reads the list meets the tensor before its second name.
        return {
            name: self._tensor(name, stored, twins.get(name), owners.get(name))
            for name, stored in sorted(self._stored.items(), key=lambda row: row[0] in twins)
            if stored is not None
        }

    def _tensor(self, name: str, stored: Stored, twin: str | None, copy: str | None) -> TensorSource:
        meaning = self._meanings[name]
        attributes = dict(stored.attributes)
        if meaning.slot is not None:
            attributes["slot_of"], attributes["slot"] = meaning.slot
        parts = {} if twin is not None else stored.parts
        if copy is not None:
            self._same.append((self._entries[name], self._entries[copy], name))
            data, again = stored.parts[""].data, self._stored[copy]
            if again is not None:
                both = _Copies(data, (*data.extents, *again.parts[""].data.extents))
                parts = {"": type(stored.parts[""])(stored.parts[""].dtype, stored.parts[""].shape, both)}
        return TensorSource(
            meaning.kind,
            name,
            stored.dtype,
            stored.shape,
            parts,
            encoding=None if twin is not None else stored.encoding,
            alias_of=None if twin is None else (self._meanings[twin].kind, twin),
            role=self._roles.get(name, meaning.role) if meaning.kind in ("model", "ema") else "",
            label=meaning.label if meaning.label not in ("", name) else "",
            attributes=attributes,
        )

    def _twins(self) -> dict[str, str]:
        """Return names of copies with the names of what they are copies of.

        They have the same full name, dtype, shape and checksum; the bytes are compared while converting.
        """
        if all(name != COPIES for node in self._nodes[:1] for name, _ in node.children):
            return {}
        first: dict[tuple[Any, ...], str] = {}
        rows = [(name, stored) for name, stored in self._stored.items() if stored is not None and "" in stored.parts]
        rows = [(name, stored) for name, stored in rows if stored.whole and self._meanings[name].label]
        found: dict[str, str] = {}
        for copies in (False, True):
            for name, _ in rows:
                entry = self._entries[name]
                key = (self._meanings[name].label, entry.dtype, entry.shape, entry.size, entry.checksum)
                if name.startswith(f"{COPIES}/") is not copies:
                    continue
                if not copies:
                    first.setdefault(key, name)
                elif key in first:
                    found[name] = first.pop(key)
        return found

    def _state(self, tensors: Mapping[str, TensorSource]) -> Any:
        bundle = self._shards.bundle
        text = state_tree.encode_scalar
        entries: list[tuple[Any, Any]] = []
        for name, entry in self._entries.items():
            tensor = tensors.get(name)
            if tensor is not None:
                entries.append((text(name), state_tree.tensor(tensor.group, tensor.name)))
            else:
                found = data_type(entry.dtype)
                entries.append((text(name), {"$object": f"tensorflow.{found.name if found else entry.dtype}"}))
        header = [("num_shards", bundle.shards), ("big_endian", bundle.big_endian), ("producer", bundle.producer)]
        rows: list[tuple[Any, Any]] = [("header", state_tree.mapping(header)), ("entries", state_tree.mapping(entries))]
        if self._nodes:
            rows.append(("object_graph", objects_tree(self._nodes)))
        return state_tree.mapping(rows)

    def _parts(self, tensors: Mapping[str, TensorSource]) -> list[Part]:
        parts = kept_parts(list(tensors.values()))
        if self._nodes:
            parts.append(Part("object graph", "kept", "typed, and as it stands", count=len(self._nodes)))
        made = [name for name, stored in self._stored.items() if stored is not None and not stored.whole]
        if made:
            reason = f"put together from pieces along several axes: {', '.join(made[:3])}"
            parts.append(Part("pieces", "transformed", reason[:500], count=len(made)))
        left = [name for name, stored in self._stored.items() if stored is None]
        if left:
            parts.append(Part("objects", "residue", f"{_NO_VALUE}: {', '.join(left[:3])}"[:500], count=len(left)))
        used = sum(len(entry.pieces) for entry in self._entries.values())
        if used < len(self._shards.bundle.pieces):
            parts.append(Part("unknown", "residue", "pieces of no tensor", len(self._shards.bundle.pieces) - used))
        return parts


def _disjoint(entries: list[tuple[str, Entry]], location: str) -> None:
    """Check that no two tensors share bytes: no writer does that, and a small file could stand for a huge one."""
    rows = sorted((entry.shard, entry.offset, entry.size, name) for name, entry in entries if entry.size)
    for (shard, offset, size, _), (next_shard, next_offset, _, name) in pairwise(rows):
        if shard == next_shard and next_offset < offset + size:
            raise CorruptFileError(f"the bytes of {name[:200]!r} are those of another tensor too", location=location)


@dataclass(frozen=True, slots=True)
class _Copies:
    """Bytes that stand in files more than once."""

    data: Bytes
    extents: tuple[Extent, ...]

    @property
    def size(self) -> int:
        return self.data.size

    def blocks(self) -> Iterator[bytes | memoryview]:
        return self.data.blocks()


@dataclass(frozen=True, slots=True)
class Twins:
    """Compares the bytes of two copies."""

    shards: Shards
    first: Entry
    second: Entry
    name: str

    def __call__(self) -> str:
        one, two = (FileBytes(self.shards.paths[e.shard], e.offset, e.size) for e in (self.first, self.second))
        for a, b in zip(one.blocks(), two.blocks(), strict=True):
            if bytes(a) != bytes(b):
                raise CorruptFileError("two copies of a variable differ", location=self.name)
        return ""


def scalar(tensor: TensorSource) -> int | float | None:
    """Return the value of a tensor that is one number, ``None`` if it is not."""
    import numpy as np

    from candle_spec.weights.dtypes import to_numpy

    part = tensor.parts.get("")
    if part is None or tensor.shape != () or part.data.size > _SMALL or tensor.dtype in ("BOOL", "C64"):
        return None
    value = np.frombuffer(b"".join(bytes(block) for block in part.data.blocks()), to_numpy(tensor.dtype))[0]
    return int(value) if np.issubdtype(value.dtype, np.integer) else float(value)
