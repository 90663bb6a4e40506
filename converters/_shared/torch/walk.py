"""One walk over what a torch pickle describes: it makes the state tree and finds every tensor."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Table
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from candle_spec import limits
from candle_spec.converters._shared.names import free_name
from candle_spec.converters._shared.pickle.objects import as_pairs
from candle_spec.converters._shared.torch.tensors import tensor_source
from candle_spec.errors import LimitExceededError
from candle_spec.readers import numpy_objects
from candle_spec.readers.inert_pickle import Call, Global, Mapping, Persistent, SetNode
from candle_spec.readers.torch_objects import TorchObjects
from candle_spec.readers.torch_views import TensorView, View
from candle_spec.weights import state_tree
from candle_spec.weights.sources import MemoryBytes, TensorSource, plain

_SETS: Final = {
    "__builtin__.set": "set",
    "builtins.set": "set",
    "__builtin__.frozenset": "frozenset",
    "builtins.frozenset": "frozenset",
}
_MODULE_PARTS: Final = {"_parameters": "parameter", "_buffers": "buffer", "_modules": ""}
_SCRIPT_LISTS: Final = "torch.jit._pickle."
"""Functions that give a list or a dictionary of TorchScript its type."""
GRAPH_MODULE: Final = "torch.fx.graph_module.reduce_graph_module"
ATTRIBUTES: Final = "other.attributes"
"""Group of the tensors that a module holds besides its state dict: plain attributes, buffers that are not kept."""
_BUFFERS: Final = re.compile(r"(^|\.)(running_mean|running_var|num_batches_tracked)$")


def module_state(node: Any) -> Mapping | None:
    """Return the state of a pickled ``torch.nn.Module``, or ``None``."""
    if isinstance(node, Call) and isinstance(node.state, Mapping) and _is_module_state(node.state):
        return node.state
    return None


def _is_module_state(state: Mapping) -> bool:
    return {"_parameters", "_modules"} <= {key for key, _ in state.pairs if isinstance(key, str)}


@dataclass(slots=True)
class Walk:
    """The state tree and the tensors of one pickle.

    Attributes:
        objects: Reads tensors out of records.
        group_of: Gives the group for a path of native keys.
        declared: The parameters and buffers that each class of a TorchScript program declares, with their roles.
    """

    objects: TorchObjects
    group_of: Callable[[tuple[str, ...]], tuple[str, int]]
    declared: Table[str, Table[str, str]] = field(default_factory=dict)
    tensors: list[TensorSource] = field(default_factory=list)
    _places: dict[int, str] = field(default_factory=dict)
    _keep: list[Any] = field(default_factory=list)
    _names: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _owners: dict[tuple[Any, ...], tuple[str, str]] = field(default_factory=dict)
    _attributes: int = 0
    """How many modules' plain attributes we are in: what they share with a parameter is no name of a state dict."""
    _beside: bool = False
    """Whether what comes is a module's, but not its state dict's. Objects in it may hold weights (packed ones do)."""

    def tree(self, node: Any, at: str = "", path: tuple[str, ...] = (), role: str = "") -> Any:
        """Return the state tree of a record.

        Args:
            node: The record.
            at: JSON Pointer of the result in the whole tree.
            path: Native keys that lead here, as tensor names use them.
            role: Role of the tensors directly below.
        """
        if at.count("/") > limits.JSON_DEPTH - 8:
            raise LimitExceededError("the objects are nested too deeply", location=self.objects.location)
        if node is None or isinstance(node, (bool, int, float, str, bytes, bytearray)):
            return state_tree.encode_scalar(node)
        if id(node) in self._places and not isinstance(node, (tuple, Global)):
            return {"$ref": self._places[id(node)]}
        view = self.objects.tensor(node)
        if view is not None:
            return self._tensor(view, node, path, role)
        self._places[id(node)] = at
        self._keep.append(node)  # an id is only unique while its object lives
        return self._container(node, at, path)

    def _container(self, node: Any, at: str, path: tuple[str, ...]) -> Any:
        if isinstance(node, Mapping) and _is_module_state(node):
            return self._module_state(node, at, path)
        pairs = as_pairs(node)
        if pairs is not None:
            return self._mapping(node, pairs, at, path)
        if isinstance(node, list):
            return [self.tree(item, f"{at}/{i}", (*path, str(i))) for i, item in enumerate(node)]
        if isinstance(node, tuple):
            return {"$tuple": [self.tree(item, f"{at}/$tuple/{i}", (*path, str(i))) for i, item in enumerate(node)]}
        if isinstance(node, SetNode):
            kind = "$frozenset" if node.frozen else "$set"
            return {kind: [self.tree(item, f"{at}/{kind}/{i}", (*path, str(i))) for i, item in enumerate(node.items)]}
        if isinstance(node, Global):
            return {"$global": node.path}
        if isinstance(node, Persistent):
            return {"$object": "persistent", "args": [self.tree(node.id, f"{at}/args/0", path)]}
        if isinstance(node, Call):
            return self._call(node, at, path)
        return state_tree.encode_scalar(node)

    def _mapping(self, node: Any, pairs: list[tuple[Any, Any]], at: str, path: tuple[str, ...]) -> dict[str, Any]:
        rows = []
        for index, (key, value) in enumerate(pairs):
            inside = (*path, key_text(key, index))
            key_tree = self.tree(key, f"{at}/$dict/{index}/0", inside)
            rows.append((key_tree, self.tree(value, f"{at}/$dict/{index}/1", inside)))
        tree = state_tree.mapping(rows)
        if isinstance(node, Call):
            tree["class"] = node.path
            attributes = as_pairs(node.state)
            if attributes:
                tree["attributes"] = self.tree(node.state, f"{at}/attributes", (*path, "__dict__"))
        return tree

    def _call(self, node: Call, at: str, path: tuple[str, ...]) -> Any:
        scalar = numpy_objects.scalar_of(node)
        if scalar is not None:
            return state_tree.numpy_scalar(*scalar)
        array = numpy_objects.array_of(node)
        if array is not None and array.dtype and array.dtype != "C128":
            return self._array(array, path)
        raw = numpy_objects.bytes_of(node)
        if raw is not None:
            return state_tree.encode_scalar(raw)
        items = _of_set(node)
        if items is not None:
            kind = f"${_SETS[node.path]}"
            return {kind: [self.tree(item, f"{at}/{kind}/{i}", path) for i, item in enumerate(items)]}
        return self._object(node, at, path)

    def _object(self, node: Call, at: str, path: tuple[str, ...]) -> dict[str, Any]:
        """An object of any other class: named, with all that it would have been given."""
        beside, names = self._beside, self.objects.composed(node)
        self._beside = beside and (node.path.startswith(_SCRIPT_LISTS) or names is not None)
        tree: dict[str, Any] = {"$object": node.path or "computed"}
        if not isinstance(node.function, Global):
            tree["function"] = self.tree(node.function, f"{at}/function", (*path, "function"))
        if node.args != ():
            items = node.args if isinstance(node.args, (tuple, list)) else [node.args]
            # A GraphModule is made by a function that is given the module's attributes.
            given = dict.fromkeys(range(len(items)), ()) if node.path == GRAPH_MODULE else names or {}
            tree["args"] = [
                self._pair(item, f"{at}/args/{i}", path)
                if given.get(i) == () and isinstance(item, tuple)
                else self.tree(item, f"{at}/args/{i}", (*path, *given.get(i, ("args", str(i)))))
                for i, item in enumerate(items)
            ]
        if node.kwargs is not None:
            tree["kwargs"] = self.tree(node.kwargs, f"{at}/kwargs", path)
        if node.states:
            tree["state"] = self._state(node, f"{at}/state", path)
        if node.items.pairs:
            tree["items"] = self.tree(node.items, f"{at}/items", path)
        if node.elements:
            tree["elements"] = self.tree(node.elements, f"{at}/elements", path)
        self._beside = beside
        return tree

    def _pair(self, states: tuple[Any, ...], at: str, path: tuple[str, ...]) -> dict[str, Any]:
        """The state of an object with slots: two dictionaries of attributes."""
        return {"$tuple": [self.tree(state, f"{at}/$tuple/{i}", path) for i, state in enumerate(states)]}

    def _state(self, node: Call, at: str, path: tuple[str, ...]) -> Any:
        """The state of an object, or its states in order."""
        if len(node.states) > 1:
            return {"$tuple": [self.tree(s, f"{at}/$tuple/{i}", (*path, str(i))) for i, s in enumerate(node.states)]}
        if node.path in self.declared and isinstance(node.state, Mapping) and id(node.state) not in self._places:
            return self._script_state(node.state, self.declared[node.path], at, path)
        return self.tree(node.state, at, path)

    def _script_state(self, state: Mapping, roles: Table[str, str], at: str, path: tuple[str, ...]) -> dict[str, Any]:
        """A TorchScript module's attributes: its class declares which of them are its state dict's."""
        self._places[id(state)] = at
        self._keep.append(state)
        rows = []
        for index, (key, value) in enumerate(state.pairs):
            role = roles.get(key, "") if isinstance(key, str) else ""
            with self._attribute(beside=not role and not (isinstance(value, Call) and value.path in self.declared)):
                tree = self.tree(value, f"{at}/$dict/{index}/1", (*path, key_text(key, index)), role)
            rows.append((self.tree(key, f"{at}/$dict/{index}/0"), tree))
        return state_tree.mapping(rows)

    @contextmanager
    def _attribute(self, *, beside: bool) -> Iterator[None]:
        """Walk an attribute of a module that is one of its state dict, or stands beside it."""
        before, self._beside = self._beside, beside
        self._attributes += beside
        yield
        self._attributes -= beside
        self._beside = before

    def _module_state(self, state: Mapping, at: str, path: tuple[str, ...]) -> dict[str, Any]:
        """A module's attributes: its parameters, buffers and children are named as in its state dict."""
        rows = []
        passing = _of_set(state.get("_non_persistent_buffers_set")) or []
        left_out = {name for name in passing if isinstance(name, str)}
        for index, (key, value) in enumerate(state.unique()):
            place = f"{at}/$dict/{index}/1"
            inside = path if key in _MODULE_PARTS else (*path, key_text(key, index))
            pairs = as_pairs(value)
            if key in _MODULE_PARTS and pairs is not None:
                names = left_out if key == "_buffers" else set()
                rows.append((key, self._module_part(value, pairs, place, inside, _MODULE_PARTS[key], names)))
            else:
                with self._attribute(beside=True):
                    rows.append((self.tree(key, f"{at}/$dict/{index}/0"), self.tree(value, place, inside)))
        return state_tree.mapping(rows)

    def _module_part(
        self, node: Any, pairs: list[tuple[Any, Any]], at: str, path: tuple[str, ...], role: str, left_out: set[str]
    ) -> dict[str, Any]:
        rows = []
        for i, (key, value) in enumerate(pairs):
            with self._attribute(beside=isinstance(key, str) and key in left_out):
                rows.append((self.tree(key), self.tree(value, f"{at}/$dict/{i}/1", (*path, key_text(key, i)), role)))
        self._places[id(node)] = at
        self._keep.append(node)
        tree = state_tree.mapping(rows)
        if isinstance(node, Call):
            tree["class"] = node.path
        return tree

    def _tensor(self, view: View, node: Any, path: tuple[str, ...], role: str) -> dict[str, Any]:
        known = self._owners.get(view.identity) if isinstance(view, TensorView) else None
        if known is not None and self._attributes:
            return state_tree.tensor(*known)
        group, name = self._name(path)
        if not role and _BUFFERS.search(name):
            role = "buffer"
        source = tensor_source(group, name, view, role)
        if isinstance(view, TensorView):
            owner = self._owners.setdefault(view.identity, (group, name))
            if owner != (group, name):
                source = replace(source, parts={}, alias_of=owner)
        self.tensors.append(source)
        return state_tree.tensor(group, name)

    def _array(self, array: numpy_objects.Array, path: tuple[str, ...]) -> dict[str, Any]:
        """A NumPy array inside the pickle: its bytes stay in the residue, and become a tensor as well."""
        group, name = self._name(path)
        data = _row_major(array)
        self.tensors.append(
            plain(group, name, array.dtype, array.shape, MemoryBytes(data), attributes={"numpy": array.numpy})
        )
        return state_tree.tensor(group, name, numpy=array.numpy)

    def _name(self, path: tuple[str, ...]) -> tuple[str, str]:
        group, depth = self.group_of(path)
        if self._beside and group.partition(".")[0] in ("model", "ema"):
            group, depth = ATTRIBUTES, 0
        name = free_name(".".join(path[depth:]) or (path[-1] if path else "tensor"), self._names[group])
        self._names[group].add(name)
        return group, name


def _of_set(node: Any) -> list[Any] | None:
    """Return the items of a set, as an opcode or a call of its class makes it."""
    if isinstance(node, SetNode):
        return node.items
    if isinstance(node, Call) and node.path in _SETS and isinstance(node.args, tuple) and len(node.args) == 1:
        return node.args[0] if isinstance(node.args[0], list) else None
    return None


def key_text(key: Any, position: int) -> str:
    """Return a native key as a part of a tensor's name; an object (a pickled optimizer has such) by its position."""
    if isinstance(key, (str, int, float, bool)) or key is None:
        return str(key)
    if isinstance(key, tuple):
        return ",".join(key_text(item, i) for i, item in enumerate(key))
    return key.path if isinstance(key, Global) else str(position)


def _row_major(array: numpy_objects.Array) -> bytes:
    """Return little-endian row-major bytes."""
    if not array.fortran and not array.numpy.startswith(">"):
        return array.data
    import numpy as np

    order = "F" if array.fortran else "C"
    values = np.frombuffer(array.data, array.numpy).reshape(array.shape, order=order)  # type: ignore[call-overload]
    return bytes(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).tobytes())
