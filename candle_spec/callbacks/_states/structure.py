"""A live structure of a training (dictionaries, lists, numbers, tensors) as a state tree and tensors, and back.

Names and groups are those that the converters give to the same structure in a native file: the dotted path of keys
below the group's root; the group of a top-level key by the vocabulary of keys.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.checkpoint.contents import Group
from candle_spec.conversion.meaning import TENSOR_KINDS, group_ids, kind_of
from candle_spec.errors import UnsupportedFormatError
from candle_spec.pointer import join
from candle_spec.weights import state_tree
from candle_spec.weights.live import Leaf, array_leaf
from candle_spec.weights.sources import TensorSource

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

LeafOf = Callable[[Any, str], Leaf | None]
"""Gives the leaf of a framework's tensor found at a place, or ``None`` for what is no tensor of it."""

_PLAIN: Final = (bool, int, float, complex, str, bytes, bytearray)


@dataclass(slots=True)
class Captured:
    """A structure as it is saved: its groups, its tensors, its state tree."""

    groups: list[Group]
    tensors: list[TensorSource]
    state: Any


@dataclass(frozen=True, slots=True)
class Naming:
    """How tensors are grouped and named, as the converter of the framework's own files does it.

    Attributes:
        groups: The groups that may be needed.
        place: Gives the group of a path of keys, and how many keys its root has.
        separator: Between the keys of a name.
        label: Gives a name for people, or nothing, for a group and a name.
    """

    groups: Sequence[Group]
    place: Callable[[tuple[str, ...]], tuple[str, int]]
    separator: str = "."
    label: Callable[[str, str], str] = lambda group, name: ""


def naming_of(structure: Mapping[str, Any], leaf_of: LeafOf) -> Naming:
    """Return the naming of a dictionary of parts (model, optimizer, …) by the vocabulary of its keys."""
    holding = [key for key, value in structure.items() if holds_tensors(value, leaf_of)]
    kinds = ((key, kind_of(key)) for key in holding)
    rows = [(key, kind if kind in TENSOR_KINDS else "other") for key, kind in kinds]
    ids = group_ids(rows)
    groups = [Group(ids[key], kind, join((key,))) for key, kind in rows]
    return Naming(groups, lambda path: (ids[path[0]], 1) if path and path[0] in ids else ("other", 0))


def capture(structure: Mapping[str, Any], leaf_of: LeafOf, naming: Naming | None = None) -> Captured:
    """Return groups, tensors and state tree of a structure.

    Args:
        structure: The parts by key.
        leaf_of: Recognises the framework's tensors; NumPy's arrays are recognised here.
        naming: How its tensors are named; by default by :func:`naming_of`.

    Raises:
        UnsupportedFormatError: A value is neither plain, nor a container, nor a tensor; its place is named.
    """
    naming = naming or naming_of(structure, leaf_of)
    walk = _Walk(leaf_of, naming)
    state = walk.tree(dict(structure))
    used = {tensor.group for tensor in walk.tensors}
    known = {group.id for group in naming.groups}
    groups = [group for group in naming.groups if group.id in used]
    groups += [Group(name, name.partition(".")[0]) for name in sorted(used - known)]
    return Captured(groups, walk.tensors, state)


def holds_tensors(value: Any, leaf_of: LeafOf) -> bool:
    """Whether a tensor or an array is in or below a value."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, Mapping):
            inside: Sequence[Any] = list(current.values())
        elif isinstance(current, (list, tuple)):
            inside = current
        elif current is None or isinstance(current, _PLAIN):
            continue
        elif _leaf(current, leaf_of, "") is not None:
            return True
        else:
            continue
        if id(current) not in seen:
            seen.add(id(current))
            waiting += inside
    return False


def _leaf(value: Any, leaf_of: LeafOf, location: str) -> Leaf | None:
    import numpy as np

    if isinstance(value, np.ndarray):
        leaf = array_leaf(value, location=location)
        about = {"numpy": value.dtype.str}
        return replace(leaf, attributes={**leaf.attributes, **about}, reference=about)
    return leaf_of(value, location)


@dataclass(slots=True)
class _Walk:
    leaf_of: LeafOf
    naming: Naming
    tensors: list[TensorSource] = field(default_factory=list)
    _places: dict[int, str] = field(default_factory=dict)
    _names: set[tuple[str, str]] = field(default_factory=set)
    _owners: dict[Hashable, tuple[str, str]] = field(default_factory=dict)

    def tree(self, value: Any, at: str = "", path: tuple[str, ...] = ()) -> Any:
        """Return the state tree of a value.

        Args:
            value: The value.
            at: JSON Pointer of the result in the whole tree.
            path: Keys that lead here, as tensor names use them.
        """
        if len(path) > limits.JSON_DEPTH // 3:
            raise UnsupportedFormatError("the state is nested too deeply to be saved", location=".".join(path[:4]))
        if value is None or type(value) in _PLAIN:
            return state_tree.encode_scalar(value)
        if id(value) in self._places and not isinstance(value, tuple):
            return {"$ref": self._places[id(value)]}
        leaf = _leaf(value, self.leaf_of, ".".join(path))
        if leaf is not None:
            return self._tensor(leaf, path)
        if isinstance(value, (Mapping, list)):
            self._places[id(value)] = at
        return self._container(value, at, path)

    def _container(self, value: Any, at: str, path: tuple[str, ...]) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value, at, path)
        if isinstance(value, list):
            return [self.tree(item, f"{at}/{i}", (*path, str(i))) for i, item in enumerate(value)]
        for kind, name in ((tuple, "tuple"), (frozenset, "frozenset"), (set, "set")):
            if isinstance(value, kind):
                items = [self.tree(item, f"{at}/${name}/{i}", (*path, str(i))) for i, item in enumerate(value)]
                return state_tree.sequence(name, items)
        return self._scalar(value, path)

    def _mapping(self, value: Mapping[Any, Any], at: str, path: tuple[str, ...]) -> dict[str, Any]:
        rows = []
        for index, (key, item) in enumerate(value.items()):
            key_tree = self.tree(key, f"{at}/$dict/{index}/0", path)
            rows.append((key_tree, self.tree(item, f"{at}/$dict/{index}/1", (*path, _key_text(key)))))
        tree = state_tree.mapping(rows)
        if isinstance(value, OrderedDict):
            tree["class"] = state_tree.ORDERED_DICT
            attributes = {key: item for key, item in vars(value).items() if key == "_metadata"}
            if attributes:
                tree["attributes"] = self.tree(attributes, f"{at}/attributes", (*path, "__dict__"))
        return tree

    def _scalar(self, value: Any, path: tuple[str, ...]) -> Any:
        import numpy as np

        if isinstance(value, np.generic):
            return state_tree.numpy_scalar(value.dtype.str, value.tobytes())
        for kind in (int, float, str):  # a subclass, for example an enumeration of integers
            if isinstance(value, kind):
                return state_tree.encode_scalar(kind(value))
        raise UnsupportedFormatError(
            f"the training state holds a {type(value).__module__}.{type(value).__qualname__}, which cannot be saved",
            location=".".join(path),
            hint="keep numbers, texts, containers and tensors there; nothing is pickled",
        )

    def _tensor(self, leaf: Leaf, path: tuple[str, ...]) -> dict[str, Any]:
        group, depth = self.naming.place(path)
        base = self.naming.separator.join(path[depth:]) or (path[-1] if path else "tensor")
        name, number = base, 2
        while (group, name) in self._names:
            name, number = f"{base}#{number}", number + 1
        self._names.add((group, name))
        owner = self._owners.setdefault(leaf.identity, (group, name)) if leaf.identity is not None else (group, name)
        alias = owner if owner != (group, name) else None
        self.tensors.append(leaf.named(group, name, alias, self.naming.label(group, name)))
        return state_tree.tensor(group, name, **leaf.reference)


def _key_text(key: Any) -> str:
    """A key as a part of a tensor's name."""
    if isinstance(key, tuple):
        return ",".join(_key_text(item) for item in key)
    return str(key) if isinstance(key, (str, int, float, bool)) or key is None else "key"


def restored(checkpoint: Checkpoint, framework: str = "numpy") -> Any:
    """Return the structure of a checkpoint with its tensors as the framework's; arrays of NumPy stay NumPy's.

    Tensors are private copies; tied ones are the very same object.
    """
    load = checkpoint.loader()
    numpy_arrays = {(tensor.group, tensor.name) for tensor in checkpoint.tensors if "numpy" in tensor.attributes}
    copies: dict[int, Any] = {}

    def tensor_of(group: str, name: str) -> Any:
        chosen = "numpy" if framework == "numpy" or (group, name) in numpy_arrays else framework
        loaded = load(group, name, framework=chosen)
        if id(loaded) not in copies:
            copies[id(loaded)] = loaded.copy() if hasattr(loaded, "copy") else loaded.clone()
        return copies[id(loaded)]

    if checkpoint.state_tree is None:
        return {}
    return state_tree.decode(checkpoint.state_tree, tensor_of)
