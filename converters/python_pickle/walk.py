"""One walk over what a plain pickle or a joblib dump describes: state tree and tensors.

Names are native: keys and attributes joined by dots. Items of a list of pairs ``(name, object)``, as the steps of a
pipeline are, go by their names; items of other lists and arrays of objects by their indices.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from candle_spec.converters._shared.pickle.arrays import ArrayNode
from candle_spec.converters._shared.torch.walk import Walk
from candle_spec.converters.python_pickle.array_reader import ArrayReader
from candle_spec.converters.python_pickle.objects import class_of, state_of
from candle_spec.converters.python_pickle.sparse_matrices import SPARSE, sparse_tensor
from candle_spec.converters.python_pickle.tensors import tensor_of
from candle_spec.errors import LimitExceededError
from candle_spec.readers.inert_pickle import Call, Global, Mapping, Span
from candle_spec.readers.torch_objects import TorchObjects
from candle_spec.weights import state_tree
from candle_spec.weights.sources import FileBytes, MemoryBytes, Part, TensorSource

_DEPTH: Final = 80
"""Nesting of objects, so that the interpreter's own bound is never reached; a pipeline in a pipeline takes five."""

_BLOB: Final = 16 * 1024
"""Byte strings from which on they become tensors of bytes: a state tree is read as a whole."""

_MASKED: Final = ("numpy.ma.core._mareconstruct", "numpy.ma._mareconstruct")
_RNG: Final = frozenset(
    """numpy.random._pickle.__randomstate_ctor numpy.random._pickle.__generator_ctor
    numpy.random._pickle.__bit_generator_ctor numpy.random.mtrand.RandomState numpy.random.mtrand.__RandomState_ctor
    numpy.random.__RandomState_ctor numpy.random._generator.Generator""".split()
)
_OPTIMIZERS: Final = ("AdamOptimizer", "SGDOptimizer")

GroupOf = Callable[[tuple[str, ...]], tuple[str, int]]


class PickleWalk(Walk):
    """The walk.

    Args:
        arrays: Reads arrays out of records.
        objects: Reads tensors of torch out of records.
        group_of: Gives group and depth of its root for a path of native keys.
        payload_of: Gives the reference to put in place of a booster's own text or document, ``None`` for others.
    """

    def __init__(
        self,
        arrays: ArrayReader,
        objects: TorchObjects,
        group_of: GroupOf,
        payload_of: Callable[[Call, tuple[str, ...]], dict[int, Any]],
    ) -> None:
        super().__init__(objects, self._group)
        self._arrays = arrays
        self._outer_group = group_of
        self._payload_of = payload_of
        self._replaced: dict[int, Any] = {}
        self._level = 0
        self._side_group = ""
        self._known: dict[int, tuple[str, str]] = {}
        self._sources: dict[tuple[str, str], TensorSource] = {}

    def _group(self, path: tuple[str, ...]) -> tuple[str, int]:
        """Random states and optimizers inside an estimator are groups of their own, named from the root."""
        return (self._side_group, 0) if self._side_group else self._outer_group(path)

    def tree(self, node: Any, at: str = "", path: tuple[str, ...] = (), role: str = "") -> Any:
        """Return the state tree of a record; see :meth:`Walk.tree`."""
        if id(node) in self._replaced:
            return self._replaced[id(node)]
        if isinstance(node, Span):
            return self._span(node, path)
        self._level += 1
        if self._level > _DEPTH:
            raise LimitExceededError("the objects are nested too deeply", location=self.objects.location)
        try:
            array = self._arrays.array(node)
            return super().tree(node, at, path, role) if array is None else self._numpy(node, array, at, path)
        finally:
            self._level -= 1

    def _span(self, span: Span, path: tuple[str, ...]) -> Any:
        """A long text or byte string: here if it is not too long, else as a tensor of bytes."""
        if span.encoding or len(span.view) < _BLOB:
            return state_tree.encode_scalar(span.value())
        if id(span) in self._known:
            return state_tree.tensor(*self._known[id(span)])
        group, name = self._name(path)
        place = self._arrays.stored(span)
        assert place is not None  # noqa: S101 - a span that is no text has a place
        part = Part("U8", (len(span.view),), place)
        self._add(TensorSource(group, name, "U8", part.shape, {"": part}, attributes={"python": "bytes"}), span)
        return state_tree.tensor(group, name, python="bytes")

    def _numpy(self, node: Any, array: ArrayNode, at: str, path: tuple[str, ...]) -> Any:
        """An array: a tensor, or the list of its objects."""
        if id(node) in self._places:
            return {"$ref": self._places[id(node)]}
        about = {"numpy": array.dtype.str} | ({"class": array.subclass} if array.subclass else {})
        if id(node) in self._known:
            return state_tree.tensor(*self._alias(node, path), **about)
        if array.data == [] or (isinstance(array.data, list) and not _all_strings(array.data)):
            return self._objects(node, array, at, path)
        group, name = self._name(path)
        made = tensor_of(group, name, array)
        if made is None:
            return self._objects(node, array, at, path)
        self._add(made, node)
        return state_tree.tensor(group, name, **about)

    def _add(self, tensor: TensorSource, node: Any) -> None:
        self.tensors.append(tensor)
        self._known[id(node)] = tensor.group, tensor.name
        self._sources[tensor.group, tensor.name] = tensor
        self._keep.append(node)  # an id is only unique while its object lives

    def _alias(self, node: Any, path: tuple[str, ...]) -> tuple[str, str]:
        """Another name of an array that stands once."""
        owner = self._known[id(node)]
        group, name = self._name(path)
        self.tensors.append(replace(self._sources[owner], group=group, name=name, parts={}, alias_of=owner))
        return group, name

    def _objects(self, node: Any, array: ArrayNode, at: str, path: tuple[str, ...]) -> dict[str, Any]:
        """An array of objects, as ``shape`` and the list of its items."""
        assert isinstance(array.data, list)  # noqa: S101 - only such an array is no tensor
        self._places[id(node)] = at
        self._keep.append(node)
        indices = itertools.product(*(range(n) for n in array.shape))
        items = [
            self.tree(item, f"{at}/elements/{i}", (*path, *map(str, index)))
            for i, (item, index) in enumerate(zip(array.data, indices, strict=True))
        ]
        tree: dict[str, Any] = {"$object": array.subclass or "numpy.ndarray"}
        return tree | {"args": [{"$tuple": list(array.shape)}, array.dtype.str], "elements": items}

    def _container(self, node: Any, at: str, path: tuple[str, ...]) -> Any:
        names = pair_names(node) if isinstance(node, list) else None
        if names is None:
            return super()._container(node, at, path)
        return [
            self._pair(item, f"{at}/{i}", (*path, name)) for i, (item, name) in enumerate(zip(node, names, strict=True))
        ]

    def _pair(self, item: tuple[Any, ...], at: str, path: tuple[str, ...]) -> dict[str, Any]:
        """A pair of name and object goes by the name; what follows in it has its index besides."""
        rest = [
            self.tree(value, f"{at}/$tuple/{i}", path if i == 1 else (*path, str(i)))
            for i, value in enumerate(item[1:], start=1)
        ]
        return {"$tuple": [self.tree(item[0], f"{at}/$tuple/0"), *rest]}

    def _call(self, node: Call, at: str, path: tuple[str, ...]) -> Any:
        self._replaced.update(self._payload_of(node, path))
        name = class_of(node)
        side = "rng" if name in _RNG else "optimizer" if name.rpartition(".")[2] in _OPTIMIZERS else ""
        outer, self._side_group = self._side_group, side or self._side_group
        try:
            if name.startswith("scipy.sparse.") and name.rpartition(".")[2] in SPARSE:
                found = self._sparse(node, name, at, path)
                if found is not None:
                    return found
            if node.path in _MASKED:
                return self._masked(node, at, path)
            return super()._call(node, at, path)
        finally:
            self._side_group = outer

    def _sparse(self, node: Call, name: str, at: str, path: tuple[str, ...]) -> Any:
        """A sparse matrix is one tensor; the rest of its attributes stay beside it."""
        state = state_of(node)
        if state is None:
            return None
        group, base = self._outer_or_side(path)
        made = sparse_tensor(group, base, name, state, self._arrays)
        if made is None:
            return None
        tensor, used = made
        group, free = self._name(path)
        self._add(replace(tensor, group=group, name=free), node)
        rest = Mapping([(key, value) for key, value in state.unique() if key not in used])
        more = self.tree(rest, f"{at}/attributes", (*path, "attributes"))
        return state_tree.tensor(group, free, **{"class": name}, attributes=more)

    def _outer_or_side(self, path: tuple[str, ...]) -> tuple[str, str]:
        group, depth = self._group(path)
        return group, ".".join(path[depth:])

    def _masked(self, node: Call, at: str, path: tuple[str, ...]) -> Any:
        """A masked array: data and mask are two tensors (state: version, shape, dtype, order, data, mask, fill)."""
        state = node.state
        if not isinstance(state, tuple) or len(state) != 7 or not isinstance(self._arrays.stored(state[5]), _PLACES):
            return super()._call(node, at, path)
        maker = Global("numpy._core.multiarray", "_reconstruct")
        named = Global("numpy", "ndarray")
        truth = Call(Global("numpy", "dtype"), ("b1", False, True), states=[(3, "|", None, None, None, -1, -1, 0)])
        data = Call(maker, (named, (0,), b"b"), states=[(1, state[1], state[2], state[3], state[4])])
        mask = Call(maker, (named, (0,), b"b"), states=[(1, state[1], truth, state[3], state[5])])
        tree: dict[str, Any] = {"$object": "numpy.ma.MaskedArray"}
        tree["args"] = [
            self.tree(data, f"{at}/args/0", path),
            self.tree(mask, f"{at}/args/1", (*path, "mask")),
        ]
        return tree | {"state": self.tree(state[6], f"{at}/state", (*path, "fill_value"))}


_PLACES: Final = (FileBytes, MemoryBytes)


def pair_names(items: list[Any]) -> list[str] | None:
    """Return the names of the items of a list of pairs ``(name, object)``, ``None`` for another list."""
    if not items or len(items) > 10_000:
        return None
    names = [item[0] for item in items if isinstance(item, tuple) and len(item) in (2, 3) and isinstance(item[0], str)]
    objects = sum(1 for item in items if isinstance(item, tuple) and len(item) > 1 and isinstance(item[1], Call))
    return names if len(set(names)) == len(items) and objects else None


def _all_strings(items: list[Any]) -> bool:
    return all(isinstance(item, (str, bytes, Span)) for item in items)
