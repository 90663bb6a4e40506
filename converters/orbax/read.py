"""A folder of Orbax as a checkpoint: its trees say which arrays there are, TensorStore what they are and where.

Of the arrays only the step is read; the others are read when they are converted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import MAX_SAFE_INTEGER, loads
from candle_spec.conversion.contract import Field, Group, Native, NativeFile, NativeFormat, Part, Source
from candle_spec.converters._shared.documents import mapping, read_json, sequence
from candle_spec.converters._shared.folders.kept_files import keep_file
from candle_spec.converters._shared.source_files import file_named, first_bytes
from candle_spec.converters.orbax import TREE
from candle_spec.converters.orbax.arrays import Array, Stores, context_of
from candle_spec.converters.orbax.detect import trees_of
from candle_spec.converters.orbax.tree import (
    ABOUT,
    Item,
    Leaf,
    Rooms,
    checkpoints_of,
    grow,
    read_item,
    rooms_of,
    step_of,
)
from candle_spec.errors import InvalidInputError, LimitExceededError, MissingPartError
from candle_spec.weights import state_tree
from candle_spec.weights.sources import TensorSource, total_size

_UNFINISHED: Final = ".orbax-checkpoint-tmp"
_EMPTY: Final[dict[str, Any]] = {"None": None, "Dict": {"$dict": []}, "List": [], "Tuple": {"$tuple": []}}
_JSON_ITEMS: Final = ("metadata", "metrics")
_STEP: Final = "/training_state/step"


def read(source: Source) -> Native:
    """Read the trees and what the arrays are; of the arrays only the step is read.

    Raises:
        InvalidInputError: The folder holds several steps.
        MissingPartError: Orbax did not finish it, or an array is not there.
        MissingDependencyError: TensorStore is not installed.
        CorruptFileError: A tree or an array is damaged.
    """
    if _UNFINISHED in source.path.name or any(_UNFINISHED in file.name for file in source.files):
        message = "Orbax did not finish this checkpoint: it was being written when the run ended"
        raise MissingPartError(message, location=str(source.path), hint="name an earlier step")
    trees = trees_of(source)
    if not trees:
        raise MissingPartError(f"no {TREE} is there", location=str(source.path), hint="fetch the whole folder")
    checkpoints = checkpoints_of(source, trees)
    if len(checkpoints) > 1:
        names = ", ".join(checkpoints[:10]) + (", …" if len(checkpoints) > 10 else "")
        raise InvalidInputError(
            f"{len(checkpoints)} checkpoints lie here: {names}",
            location=str(source.path),
            hint="name one of them, or add --recursive",
        )
    items = [read_item(tree, checkpoints[0]) for tree in trees]
    return _Reading(source, checkpoints[0], rooms_of(items), context_of()).native(items)


@dataclass(slots=True)
class _Reading:
    """One folder while it is being read."""

    source: Source
    checkpoint: str
    rooms: Rooms
    context: Any
    tensors: list[TensorSource] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    drivers: set[str] = field(default_factory=set)

    def native(self, items: Sequence[Item]) -> Native:
        """Return everything that was found."""
        states = [(item.name, self._item(item)) for item in items]
        state = states[0][1] if len(states) == 1 else state_tree.mapping(states)
        found = dict.fromkeys(tensor.group for tensor in self.tensors)
        native = Native(
            self._format(),
            self.source,
            groups=[Group(group, group.partition(".")[0], self.rooms.roots[group]) for group in found],
            tensors=self.tensors,
            state=state,
            weights_metadata={"format": "flax"},
        )
        step = step_of(self.source, self.checkpoint)
        if step is not None and not self.fields:
            self.fields.append(Field(_STEP, step[0], "path", f"folder {step[1]}"))
        native.fields = self.fields
        self._keep_json(native)
        native.parts = [*self._parts(native), *native.parts]
        return native

    def _about(self) -> tuple[NativeFile | None, dict[str, Any]]:
        """What Orbax wrote about the checkpoint: times, metrics, values of the user."""
        file = file_named(self.source, f"{self.checkpoint}/{ABOUT}".lstrip("/"))
        return file, mapping(read_json(file)) if file is not None and file.size else {}

    def _format(self) -> NativeFormat:
        when = self._about()[1].get("commit_timestamp_nsecs")
        written = ""
        if type(when) is int and 0 < when < 1 << 62:
            written = datetime.fromtimestamp(when // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        evidence = (f"{TREE} beside the arrays",)
        variant = "+".join(sorted(self.drivers))
        return NativeFormat("orbax", variant, "Orbax checkpoint", "jax", written=written, evidence=evidence)

    def _keep_json(self, native: Native) -> None:
        """Keep items that were saved as JSON, and what the user or a metric says of the checkpoint."""
        for each in self.source.files:
            if each.name.rpartition("/")[2] in _JSON_ITEMS and first_bytes(each.path, 1) in (b"{", b"["):
                keep_file(native, each, "config")
        file, about = self._about()
        if file is not None and (about.get("metrics") or about.get("custom_metadata")):
            keep_file(native, file, "config")

    def _parts(self, native: Native) -> Iterator[Part]:
        for group in native.groups:
            own = [tensor for tensor in self.tensors if tensor.group == group.id]
            size = total_size(own)
            yield Part(group.id, "kept", "", len(own), size)
        packed = [t for t in self.tensors if not any(part.data.extents for part in t.parts.values())]
        if packed:
            reason = "the compressed chunks are kept beside the unpacked tensors, so that the folder comes back"
            yield Part("chunks", "residue", reason, len(packed), sum(file.size for file in self.source.files))
        if any(file.name.rpartition("/")[2] == "_sharding" for file in self.source.files):
            yield Part("sharding", "residue", "on which devices the arrays were is only in the native bytes")
        if self.shared:
            reason = f"Orbax keeps one array for several leaves of one name: {', '.join(self.shared)}"
            yield Part("leaves of one name", "transformed", reason[:1000], len(self.shared))
        if self.unread:
            yield Part("leaves", "residue", f"not read: {', '.join(self.unread)}"[:1000], len(self.unread))
        yield Part("topology", "absent", "the network is in the program that wrote the folder")

    def _item(self, item: Item) -> Any:
        """Read one folder of arrays; return its state tree."""
        reader = _ItemReading(self, item, Stores(self.source, item, self.context), _texts(self.source, item))
        self.drivers.add(reader.stores.name)
        reader.random = _random_keys(self.source, item)
        return grow(((leaf, reader.leaf(leaf)) for leaf in item.leaves), item.location)


@dataclass(slots=True)
class _ItemReading:
    """One item while it is being read."""

    whole: _Reading
    item: Item
    stores: Stores
    texts: dict[str, str]
    random: dict[str, str] = field(default_factory=dict)
    _seen: dict[str, dict[str, Any]] = field(default_factory=dict)

    def leaf(self, leaf: Leaf) -> Any:
        """Return the state tree of one leaf."""
        key = ".".join(leaf.path)
        if not leaf.stored or leaf.kind in _EMPTY:
            if leaf.kind not in _EMPTY:
                self.whole.unread.append(key)
            return _EMPTY.get(leaf.kind)
        if leaf.kind == "string":
            if key not in self.texts:
                raise MissingPartError(f"the text of the leaf {key!r} is not there", location=self.item.location)
            return state_tree.encode_scalar(self.texts[key])
        if key in self._seen:
            self.whole.shared.append(key)
            return self._seen[key]
        array = self.stores.open(key)
        self._note_step(leaf.path, array)
        group, name = self.whole.rooms.place(self.item, leaf.path)
        about = {"value_type": leaf.kind}
        if key in self.random:
            about["random_key"] = self.random[key]
        self.whole.tensors.append(array.tensor(group, name, about))
        self._seen[key] = state_tree.tensor(group, name)
        return self._seen[key]

    def _note_step(self, path: tuple[str, ...], array: Array) -> None:
        if path == ("step",) and not array.shape and array.dtype in ("I32", "I64", "U32", "U64"):
            value = int(array.value())
            if 0 <= value <= MAX_SAFE_INTEGER and not self.whole.fields:
                self.whole.fields.append(Field(_STEP, value, "file", "key step"))


def _texts(source: Source, item: Item) -> dict[str, str]:
    """Return the leaves that are texts: they stand in a file of their own."""
    file = file_named(source, f"{item.folder}/_strings.json".lstrip("/"))
    if file is None:
        return {}
    about = mapping(read_json(file))
    return {key: text for key, text in about.items() if isinstance(text, str)}


def _random_keys(source: Source, item: Item) -> dict[str, str]:
    """Return the arrays that are the bits of random keys, with the generator that they are of."""
    found: dict[str, str] = {}
    folder = f"{item.folder}/array_metadatas/".lstrip("/")
    for file in source.files:
        if not file.name.startswith(folder):
            continue
        if file.size > limits.JSON_BYTES:
            raise LimitExceededError(f"a description of {file.size} bytes", location=file.name)
        about = mapping(loads(file.path.read_bytes(), location=file.name))
        for row in sequence(about.get("array_metadatas")):
            inner = mapping(mapping(row).get("array_metadata"))
            kind = mapping(inner.get("ext_metadata")).get("random_key_impl")
            name = inner.get("param_name")
            if isinstance(kind, str) and isinstance(name, str):
                found[name] = kind[:100]
    return found
