"""Orbax: checkpoint folders of JAX, read by TensorStore without jax or Orbax.

A folder of arrays holds ``_METADATA``, a JSON tree of keys, and the arrays as zarr or zarr3, plain or in an OCDBT
database; ``CheckpointManager`` keeps one folder for every step, with a folder for every item in it. Kept: every array
under its path, the tree with its empty parts, JSON items. The chunks of the arrays are compressed: they are unpacked
chunk by chunk into the weights, and stay in the native bytes as well, from which the folder comes back.

Layout: https://orbax.readthedocs.io/en/latest/guides/checkpoint/checkpoint_format.html. Refused: folders of several
steps, of which one has to be named; folders that Orbax did not finish (``.orbax-checkpoint-tmp``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import (
    Card,
    Detection,
    Field,
    Group,
    Native,
    NativeFile,
    NativeFormat,
    Part,
    Source,
)
from candle_spec.converters import _container as container
from candle_spec.converters._jax_groups import groups_of, place
from candle_spec.digests import BLOCK
from candle_spec.errors import (
    CorruptFileError,
    InvalidInputError,
    LimitExceededError,
    MissingPartError,
    TruncatedFileError,
    UnsupportedFormatError,
)
from candle_spec.optional import require
from candle_spec.weights import state_tree
from candle_spec.weights.dtypes import DTYPES, from_numpy_name
from candle_spec.weights.sources import Encoding, MadeBytes, TensorSource
from candle_spec.weights.sources import Part as StoredArray

if TYPE_CHECKING:
    import numpy.typing as npt

_TREE: Final = "_METADATA"
_UNFINISHED: Final = ".orbax-checkpoint-tmp"
_EMPTY: Final[dict[str, Any]] = {"None": None, "Dict": {"$dict": []}, "List": [], "Tuple": {"$tuple": []}}
_WRONG: Final = (ValueError, TypeError, OSError, RuntimeError, IndexError, KeyError, OverflowError, NotImplementedError)
"""What TensorStore raises for damaged content."""


class Orbax:
    """The converter of Orbax folders."""

    name = "orbax"
    title = "Orbax checkpoint folders (OCDBT, zarr, zarr3)"
    suffixes: Sequence[str] = (".orbax",)
    card = Card(
        family="JAX",
        kept="all arrays with their paths, the tree, step, JSON items",
        not_kept="shardings. Refused: several steps in one folder, folders that were not finished",
        restore="byte for byte, the whole folder, without JAX",
        extra="jax",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise a folder by the tree that Orbax writes beside the arrays."""
        trees = _trees(source)
        if not source.path.is_dir() or not trees or not all(_is_tree(tree) for tree in trees[:2]):
            return None
        return Detection(96 if len(_steps(trees)) == 1 else 89, "Orbax checkpoint")

    def read(self, source: Source) -> Native:
        """Read the trees and what the arrays are; no array is read.

        Raises:
            InvalidInputError: The folder holds several steps.
            MissingDependencyError: TensorStore is not installed.
            CorruptFileError: A tree or an array is damaged.
        """
        if _UNFINISHED in source.path.name or any(_UNFINISHED in file.name for file in source.files):
            message = "Orbax did not finish this checkpoint: it was being written when the run ended"
            raise MissingPartError(message, location=str(source.path), hint="name an earlier step")
        trees = _trees(source)
        steps = _steps(trees)
        if len(steps) > 1:
            names = ", ".join(steps[:10]) + (", …" if len(steps) > 10 else "")
            raise InvalidInputError(
                f"{len(steps)} checkpoints lie here: {names}",
                location=str(source.path),
                hint="name one of them, or add --recursive",
            )
        return _Reading(source).native(trees)


def _trees(source: Source) -> list[NativeFile]:
    return [file for file in source.files if file.name.rpartition("/")[2] == _TREE]


def _is_tree(file: NativeFile) -> bool:
    return b'"tree_metadata"' in container.head(file.path, 4096)


def _steps(trees: Sequence[NativeFile]) -> list[str]:
    """Return the folders of the steps: the parents of the items, or the one folder that is a checkpoint itself."""
    folders = [tree.name.rpartition("/")[0] for tree in trees]
    return sorted({folder.rpartition("/")[0] for folder in folders}) if folders != [""] else [""]


@dataclass(slots=True)
class _Reading:
    """One folder while it is being read."""

    source: Source
    tensors: list[TensorSource] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    roots: dict[str, str] = field(default_factory=dict)
    drivers: set[str] = field(default_factory=set)

    def native(self, trees: Sequence[NativeFile]) -> Native:
        """Return everything that was found."""
        items = {tree.name.rpartition("/")[0]: tree for tree in trees}
        states = [
            (folder.rpartition("/")[2], self._item(folder, tree, len(items) > 1)) for folder, tree in items.items()
        ]
        state = states[0][1] if len(states) == 1 else state_tree.mapping(states)
        about = NativeFormat(
            "orbax", "+".join(sorted(self.drivers)), "Orbax checkpoint", "jax", evidence=(f"{_TREE} beside the arrays",)
        )
        native = Native(about, self.source, tensors=self.tensors, state=state, weights_metadata={"format": "flax"})
        used = dict.fromkeys(tensor.group for tensor in self.tensors)
        native.groups = [Group(group, group.partition(".")[0], self.roots.get(group, "")) for group in used]
        native.fields = [*self.fields, *self._step()]
        for file in self.source.files:
            if file.name.endswith("/metadata") and file.size:  # an item saved as JSON
                container.keep(native, file, "config")
        native.parts = [self._part(group.id) for group in native.groups]
        chunks = "the compressed chunks are kept beside the unpacked tensors, so that the folder comes back"
        native.parts.append(Part("chunks", "residue", chunks, size=sum(file.size for file in self.source.files)))
        if self.unread:
            reason = f"not read: {', '.join(self.unread[:8])}"[:1000]
            native.parts.append(Part("leaves", "residue", reason, count=len(self.unread)))
        return native

    def _part(self, group: str) -> Part:
        own = [tensor for tensor in self.tensors if tensor.group == group]
        return Part(group, "kept", "", len(own), sum(p.data.size for t in own for p in t.parts.values()))

    def _step(self) -> list[Field]:
        """The folder of a step is called by its number."""
        names = [self.source.path.name, self.source.path.parent.name]
        step = next((name for name in names if re.fullmatch(r"[0-9]{1,12}", name)), "")
        known = {found.pointer for found in self.fields}
        if not step or "/training_state/step" in known:
            return []
        return [Field("/training_state/step", int(step), "path", "name of the folder")]

    def _item(self, folder: str, tree: NativeFile, several: bool) -> Any:
        """Read one folder of arrays; return its state tree."""
        if tree.size > limits.JSON_BYTES:
            raise LimitExceededError(f"a tree of {tree.size} bytes", location=tree.name)
        about = loads(tree.path.read_bytes(), location=tree.name)
        leaves = about.get("tree_metadata") if isinstance(about, dict) else None
        if not isinstance(leaves, dict):
            raise CorruptFileError("the tree holds no leaves", location=tree.name)
        paths = [(_path(leaf, tree.name), leaf) for leaf in leaves.values()]
        groups = groups_of(dict.fromkeys(path[0] for path, _ in paths if path))
        item = folder.rpartition("/")[2]
        if several:
            groups = {
                key: f"{group}.{item}" if group.count(".") == 0 else f"{group}-{item}" for key, group in groups.items()
            }
        self.roots |= {group: f"/{key}" for key, group in groups.items()}
        stores = _Stores(self.source, folder, about.get("use_ocdbt") is True, about.get("use_zarr3") is True)
        self.drivers.add(stores.name)
        root: dict[str, Any] = {}
        for path, leaf in paths:
            group, name = place(path, groups)
            if several and not groups:
                group = f"model.{item}"
            _put(root, path, self._leaf(path, leaf, group, name, stores))
        return _as_tree(root)

    def _leaf(self, path: tuple[str, ...], leaf: Any, group: str, name: str, stores: _Stores) -> Any:
        about = leaf.get("value_metadata", {})
        kind = about.get("value_type")
        if about.get("skip_deserialize") is True or kind in _EMPTY:
            return _EMPTY.get(str(kind))
        if kind == "string":
            self.unread.append(".".join(path))
            return None
        array = stores.open(path)
        if path == ("step",) and not array.shape and "int" in array.numpy:
            value = int(array.value())
            if value >= 0:
                self.fields.append(Field("/training_state/step", value, "file", "key step"))
        self.tensors.append(array.tensor(group, name, {"value_type": str(kind)[:100]}))
        return state_tree.tensor(group, name)


def _path(leaf: Any, location: str) -> tuple[str, ...]:
    keys = leaf.get("key_metadata") if isinstance(leaf, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) and "key" in key for key in keys) or not keys:
        raise CorruptFileError("a leaf has no keys", location=location)
    if len(keys) > limits.JSON_DEPTH // 4:
        raise LimitExceededError("a leaf lies too deep", location=location)
    return tuple(str(key["key"]) for key in keys)


def _put(root: dict[str, Any], path: tuple[str, ...], tree: Any) -> None:
    for key in path[:-1]:
        inner = root.setdefault(key, {})
        if not isinstance(inner, dict) or "" in inner:
            raise CorruptFileError(f"the leaf {'.'.join(path)!r} lies below another leaf", location=_TREE)
        root = inner
    root[path[-1]] = {"": tree}


def _as_tree(node: dict[str, Any]) -> Any:
    if set(node) == {""}:
        return node[""]
    return state_tree.mapping((key, _as_tree(value)) for key, value in node.items())


@dataclass(frozen=True, slots=True)
class _Stores:
    """Opens the arrays of one item."""

    source: Source
    folder: str
    ocdbt: bool
    zarr3: bool

    @property
    def name(self) -> str:
        """The layout in the field's words."""
        return ("ocdbt-" if self.ocdbt else "") + ("zarr3" if self.zarr3 else "zarr")

    def open(self, path: tuple[str, ...]) -> _Array:
        """Open one array; none of its chunks is read.

        Raises:
            CorruptFileError: It is not there, or damaged.
        """
        tensorstore = require("tensorstore", extra="jax", purpose="read Orbax checkpoints")
        key = ".".join(path)
        location = f"{self.source.path}: {key}"
        base = self.source.path / self.folder if self.folder else self.source.path
        marker = f"{self.folder}/{key}/" if self.folder else f"{key}/"
        if not self.ocdbt and not any(file.name.startswith(marker) for file in self.source.files):
            raise MissingPartError("the folder of an array is not there", location=location)
        try:
            store = tensorstore.open(
                {"driver": "zarr3" if self.zarr3 else "zarr", "kvstore": self._kvstore(base, key)},
                open=True,
                read=True,
                context=tensorstore.Context({"cache_pool": {"total_bytes_limit": 0}}),
            ).result()
            shape, dtype = tuple(int(n) for n in store.shape), str(store.dtype.name)
            chunk = math.prod(store.chunk_layout.read_chunk.shape or ()) * store.dtype.numpy_dtype.itemsize
        except _WRONG as error:
            raise CorruptFileError(f"the array cannot be opened: {_first_line(error)}", location=location) from error
        array = _Array(store, shape, dtype, location)
        total = sum(file.size for file in self.source.files)
        if chunk > limits.ORBAX_CHUNK or array.size > limits.TENSOR_BYTES or array.size > total * limits.ORBAX_RATIO:
            raise LimitExceededError(f"an array of {array.size} bytes in chunks of {chunk}", location=location)
        return array

    def _kvstore(self, base: Path, key: str) -> dict[str, Any]:
        if self.ocdbt:
            return {"driver": "ocdbt", "base": {"driver": "file", "path": f"{base}/"}, "path": f"{key}/"}
        return {"driver": "file", "path": f"{base}/{key}/"}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


@dataclass(frozen=True, slots=True)
class _Array:
    """An array in its store: read row by row, about one block at a time."""

    store: Any
    shape: tuple[int, ...]
    numpy: str
    location: str

    @property
    def dtype(self) -> str:
        """Its logical dtype."""
        try:
            return from_numpy_name(self.numpy).name
        except UnsupportedFormatError as error:
            raise UnsupportedFormatError(f"the dtype {self.numpy!r} is not known", location=self.location) from error

    @property
    def width(self) -> int:
        """Bytes of an item: those of less than a byte take one."""
        return max(1, DTYPES[self.dtype].bits // 8)

    @property
    def size(self) -> int:
        """Bytes of all items."""
        return math.prod(self.shape) * self.width

    def value(self) -> Any:
        """The one item of an array without axes."""
        return self._read(self.store).item()

    def tensor(self, group: str, name: str, about: dict[str, Any]) -> TensorSource:
        """Return the tensor, encoded where safetensors lacks its dtype."""
        data, dtype = MadeBytes(self.size, self.blocks), self.dtype
        if DTYPES[dtype].stored:
            return TensorSource(
                group, name, dtype, self.shape, {"": StoredArray(dtype, self.shape, data)}, attributes=about
            )
        if dtype == "C128":
            parts, encoding = {"values": StoredArray("F64", (*self.shape, 2), data)}, Encoding("complex_pairs")
        else:
            parts = {"values": StoredArray("U8", (*self.shape, self.width), data)}
            encoding = Encoding("raw", {"byte_order": "little"})
        return TensorSource(group, name, dtype, self.shape, parts, encoding, attributes=about)

    def blocks(self) -> Iterator[memoryview]:
        """Yield the rows in order, as many at a time as make a block, whole chunks of them where that is more."""
        import numpy as np

        if not self.size:
            return
        if not self.shape:
            yield np.ascontiguousarray(self._read(self.store)).reshape(-1).view(np.uint8).data
            return
        chunk = int((self.store.chunk_layout.read_chunk.shape or (1,))[0]) or 1
        row = self.size // self.shape[0]
        step = max(1, BLOCK // max(row, 1) // chunk) * chunk
        for start in range(0, self.shape[0], step):
            rows = self._read(self.store[start : min(start + step, self.shape[0])])
            yield np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data

    def _read(self, part: Any) -> npt.NDArray[Any]:
        try:
            array: npt.NDArray[Any] = part.read(order="C").result()
        except _WRONG as error:
            message = f"a chunk of the array cannot be read: {_first_line(error)}"
            raise TruncatedFileError(message, location=self.location, hint="fetch the folder again") from error
        return array


CONVERTER = Orbax()
