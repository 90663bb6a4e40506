"""The trees of Orbax folders: which checkpoints and items a folder holds, and the leaves of each item.

``_METADATA`` lists every leaf with its keys (of a dictionary, or of a sequence) and what it was. An item is the folder
around such a tree; a checkpoint is the outermost folder with ``_CHECKPOINT_METADATA``, in older releases the folder
that is called by its step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import NativeFile, Source
from candle_spec.conversion.jax_groups import STEP, kinds_of, root_of, roots_of
from candle_spec.conversion.meaning import path_ids
from candle_spec.converters._shared.source_files import file_named
from candle_spec.converters.orbax import TREE
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.pointer import join
from candle_spec.weights import state_tree

ABOUT: Final = "_CHECKPOINT_METADATA"
_RANDOM_KEYS: Final = ("jax_random_key", "np_random_key")
_SEQUENCE: Final = 1
_DICTIONARY: Final = 2


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of a tree.

    Attributes:
        path: Its keys.
        types: What each key is of: a sequence or a dictionary.
        kind: What the leaf was: ``jax.Array``, ``scalar``, ``string``, ``None``, …
        stored: Whether there is an array of it.
    """

    path: tuple[str, ...]
    types: tuple[int, ...]
    kind: str
    stored: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One tree and the arrays beside it.

    Attributes:
        folder: Its folder in the source, ``""`` for the source itself.
        name: Its folder in the checkpoint.
        about: What the tree says besides its leaves.
        leaves: The leaves.
    """

    folder: str
    name: str
    about: Mapping[str, Any]
    leaves: tuple[Leaf, ...]

    @property
    def location(self) -> str:
        """For messages."""
        return f"{self.folder}/{TREE}" if self.folder else TREE


def checkpoints_of(source: Source, trees: Iterable[NativeFile]) -> list[str]:
    """Return the folders that are checkpoints of their own: ``[""]`` if the whole source is one."""
    names = {file.name for file in source.files}
    return sorted({_checkpoint_of(tree.name.rpartition("/")[0], names) for tree in trees})


def _checkpoint_of(folder: str, names: set[str]) -> str:
    outer = ["", *_outer(folder)]
    for each in outer:
        if (f"{each}/{ABOUT}" if each else ABOUT) in names:
            return each
    # Releases before 0.6 wrote no such file: <run>/<step>/<item>/.
    return next((each for each in outer if STEP.fullmatch(each.rpartition("/")[2])), "")


def _outer(folder: str) -> list[str]:
    """Return a folder and those around it, the outermost first."""
    parts = folder.split("/") if folder else []
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def step_of(source: Source, checkpoint: str) -> tuple[int, str] | None:
    """Return the step that a folder's name states, and the name."""
    names = [checkpoint.rpartition("/")[2] or source.path.name]
    if not checkpoint and file_named(source, ABOUT) is None:
        names.append(source.path.parent.name)  # an item alone: the folder around it is the step's
    for name in names:
        if found := STEP.fullmatch(name):
            return int(found[1]), name
    return None


def read_item(tree: NativeFile, checkpoint: str) -> Item:
    """Read a tree of a checkpoint.

    Raises:
        CorruptFileError: It is none.
        LimitExceededError: It is too large, or nested too deeply.
    """
    if tree.size > limits.JSON_BYTES:
        raise LimitExceededError(f"a tree of {tree.size} bytes", location=tree.name)
    about = loads(tree.path.read_bytes(), location=tree.name)
    leaves = about.get("tree_metadata") if isinstance(about, dict) else None
    if not isinstance(leaves, dict):
        raise CorruptFileError("the tree holds no leaves", location=tree.name)
    folder = tree.name.rpartition("/")[0]
    name = folder.removeprefix(checkpoint).lstrip("/")
    return Item(folder, name, about, tuple(_leaf(leaf, tree.name) for leaf in leaves.values()))


def _leaf(leaf: Any, location: str) -> Leaf:
    keys = leaf.get("key_metadata") if isinstance(leaf, dict) else None
    value = leaf.get("value_metadata") if isinstance(leaf, dict) else None
    if not isinstance(keys, list) or not isinstance(value, dict):
        raise CorruptFileError("a leaf has no keys or no value", location=location)
    if len(keys) > limits.JSON_DEPTH // 4:
        raise LimitExceededError("a leaf lies too deep", location=location)
    if not all(isinstance(key, dict) and isinstance(key.get("key"), (str, int)) for key in keys):
        raise CorruptFileError("a leaf has a malformed key", location=location)
    types = tuple(_SEQUENCE if key.get("key_type") == _SEQUENCE else _DICTIONARY for key in keys)
    kind = value.get("value_type")
    stored = value.get("skip_deserialize") is not True
    return Leaf(tuple(str(key["key"]) for key in keys), types, kind[:100] if isinstance(kind, str) else "", stored)


@dataclass(slots=True)
class Rooms:
    """The groups of all items: ids by item and the keys of a root in it, and where each id begins."""

    ids: dict[str, dict[tuple[str, ...], str]] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)

    def place(self, item: Item, path: tuple[str, ...]) -> tuple[str, str]:
        """Return group and name of the array at a path of keys."""
        ids = self.ids[item.folder]
        root = root_of(path, ids) or ()
        return ids[root], ".".join(path[len(root) :]) or (path[-1] if root else "array")


def rooms_of(items: Sequence[Item]) -> Rooms:
    """Say to which group the arrays of each item belong, by the keys that lead to them."""
    several = len(items) > 1
    names = kinds_of(item.name.partition("/")[0] for item in items) if several else {}
    rows: list[tuple[Item, tuple[str, ...], str]] = []
    for item in items:
        known = roots_of(leaf.path for leaf in item.leaves)
        rows += [(item, root, kind) for root, kind in known.items()]
        if not all(root_of(leaf.path, known) for leaf in item.leaves):
            rows.append((item, (), "other" if known else _kind_of_item(item, names)))
    paths = [(item.name, *root) if several else root for item, root, _ in rows]
    ids = path_ids([(path or ("rest",), kind) for path, (_, _, kind) in zip(paths, rows, strict=True)])
    rooms = Rooms()
    for group, path, (item, root, _) in zip(ids, paths, rows, strict=True):
        rooms.ids.setdefault(item.folder, {})[root] = group
        rooms.roots[group] = join(path)
    return rooms


def _kind_of_item(item: Item, names: Mapping[str, str]) -> str:
    """What an item is, by its name; where no item is named as a model, those that say nothing are one."""
    if item.name.endswith(_RANDOM_KEYS):
        return "rng"
    return names.get(item.name.partition("/")[0]) or ("other" if "model" in names.values() else "model")


@dataclass(slots=True)
class _Branch:
    """A part of the tree while it grows: its branches and leaves by key."""

    sequence: bool
    below: dict[str, Any] = field(default_factory=dict)


def grow(pairs: Iterator[tuple[Leaf, Any]], location: str) -> Any:
    """Return the state tree that has a value at every leaf: dictionaries, and lists where the keys are of sequences.

    Raises:
        CorruptFileError: A leaf lies below another one, or two lie at one place.
    """
    root: _Branch | None = None
    for leaf, value in pairs:
        if not leaf.path:
            if root is not None:
                raise CorruptFileError("a leaf lies at the root of the tree beside others", location=location)
            return _only(pairs, value, location)
        root = root or _Branch(leaf.types[0] == _SEQUENCE)
        _hang(root, leaf, value, location)
    return _finish(root) if root is not None else state_tree.mapping([])


def _only(pairs: Iterator[tuple[Leaf, Any]], value: Any, location: str) -> Any:
    if next(pairs, None) is not None:
        raise CorruptFileError("a leaf lies at the root of the tree beside others", location=location)
    return value


def _hang(root: _Branch, leaf: Leaf, value: Any, location: str) -> None:
    branch = root
    for key, kind in zip(leaf.path[:-1], leaf.types[1:], strict=True):
        inner = branch.below.setdefault(key, _Branch(kind == _SEQUENCE))
        if not isinstance(inner, _Branch):
            raise CorruptFileError(f"the leaf {'.'.join(leaf.path)!r} lies below another leaf", location=location)
        branch = inner
    if leaf.path[-1] in branch.below:
        raise CorruptFileError(f"the leaf {'.'.join(leaf.path)!r} stands twice", location=location)
    branch.below[leaf.path[-1]] = value


def _finish(branch: _Branch) -> Any:
    rows = {key: _finish(value) if isinstance(value, _Branch) else value for key, value in branch.below.items()}
    places = [str(number) for number in range(len(rows))]
    if branch.sequence and rows.keys() == set(places):
        return [rows[place] for place in places]
    return state_tree.mapping(rows.items())
