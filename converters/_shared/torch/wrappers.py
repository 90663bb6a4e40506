"""Tensors of torch that consist of others: subclasses that wrap some, distributed, nested ones, those of other devices.

A subclass pickles as ``_rebuild_from_type_v2(function, class, arguments, state)`` (``torch/_tensor.py``). Where the
function is one that makes a plain tensor, the record is a tensor that carries a class and attributes; else the tensors
stand in arguments and state, and the record stays what it is: an object. Its tensors are named by the attributes that
hold them: ``weight.qdata``, ``weight.scale``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from candle_spec.errors import CorruptFileError, UnsupportedFormatError
from candle_spec.readers.inert_pickle import Call, Global, Mapping
from candle_spec.readers.torch_objects import PARAMETERS, TYPED, TorchObjects, inner_record, sizes_of
from candle_spec.readers.torch_views import TensorView

Path = tuple[str, ...]
Tree = Callable[[Any, str, Path], Any]

_ARGUMENTS: Final = {
    "torch._utils._rebuild_nested_tensor": ("buffer", "sizes", "strides", "offsets"),
    "torch._utils._rebuild_device_tensor_from_numpy": ("data",),
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": ("data",),
    "torch._utils._rebuild_xla_tensor": ("data",),
}
"""What the tensors are called that torch's functions are given by position."""

_PLAIN: Final = {"torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.Parameter"}
_DISTRIBUTED: Final = "torch.distributed."


def is_wrapper(node: Any) -> bool:
    """Whether a record is torch's, of a tensor that consists of others; of a plain one it is not asked."""
    if not isinstance(node, Call) or node.kwargs is not None or node.states or node.items.pairs or node.elements:
        return False
    return node.path in TYPED or node.path in _ARGUMENTS or (node.path in PARAMETERS and is_wrapper(inner_record(node)))


def wrapper_tree(node: Call, tree: Tree, at: str, path: Path) -> dict[str, Any]:
    """Return the inert record of such a tensor, as the file holds it.

    Args:
        node: The record.
        tree: Gives the state tree of a record, for a place and a path of names.
        at: JSON Pointer of the result.
        path: Names that lead to the tensor: those of its parts begin so.
    """
    items = node.args if isinstance(node.args, (tuple, list)) else [node.args]
    args = [_argument(node, index, item, tree, f"{at}/args/{index}", path) for index, item in enumerate(items)]
    return {"$object": node.path, "args": args}


def _argument(node: Call, index: int, item: Any, tree: Tree, at: str, path: Path) -> Any:
    if node.path in TYPED and isinstance(item, tuple) and index in (2, 3):
        function = node.args[0].path if index == 2 and isinstance(node.args[0], Global) else ""
        words = _ARGUMENTS.get(function, ())
        named = index == 3 and is_slots(item)
        rows = enumerate(item)
        return {"$tuple": [tree(one, f"{at}/$tuple/{i}", _inside(one, i, words, path, named=named)) for i, one in rows]}
    words = _ARGUMENTS.get(node.path, ())
    return tree(item, at, _inside(item, index, words, path, named=node.path in TYPED or node.path in PARAMETERS))


def _inside(item: Any, index: int, words: tuple[str, ...], path: Path, *, named: bool) -> Path:
    """Return the path of an argument: of a mapping the tensor's own, for its keys are the names."""
    if named or isinstance(item, Mapping):
        return path
    return (*path, words[index] if index < len(words) else str(index))


def is_slots(state: Any) -> bool:
    """Whether a state is that of an object with ``__slots__``: its dictionary or nothing, then the slots."""
    return (
        isinstance(state, tuple)
        and len(state) == 2
        and isinstance(state[0], (Mapping, type(None)))
        and isinstance(state[1], Mapping)
    )


def dressing(node: Any, tree: Tree, at: str, path: Path) -> dict[str, Any]:
    """Return class and attributes of a tensor that is no plain one, for its reference in the state tree."""
    about: dict[str, Any] = {}
    for record in _chain(node):
        kind = record.args[1] if record.path in TYPED else None
        if isinstance(kind, Global) and kind.path not in _PLAIN:
            about.setdefault("class", kind.path)
        state = record.args[3] if len(record.args) > 3 else None
        if state is None or (isinstance(state, Mapping) and not state.pairs) or "attributes" in about:
            continue
        place = f"{at}/attributes"
        if is_slots(state):
            trees = [tree(one, f"{place}/$tuple/{i}", path) for i, one in enumerate(state)]
            about["attributes"] = {"$tuple": trees}
        else:
            about["attributes"] = tree(state, place, path)
    return about


def _chain(node: Any) -> Iterator[Call]:
    """Yield the records around a tensor, the outermost first; the reader of tensors has bounded their number."""
    while isinstance(node, Call) and (node.path in TYPED or node.path in PARAMETERS):
        yield node
        node = inner_record(node)


def piece_in_words(node: Any, objects: TorchObjects) -> str:
    """Say how much of a distributed tensor a record holds: ``""`` for the whole, or for a tensor that is none."""
    for record in _chain(node):
        kind = record.args[1] if record.path in TYPED and len(record.args) > 3 else None
        if isinstance(kind, Global) and kind.path.startswith(_DISTRIBUTED):
            try:
                found = _PIECES[kind.name](record, objects) if kind.name in _PIECES else ""
            except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
                if isinstance(error, (CorruptFileError, UnsupportedFormatError)):
                    raise
                return f"how much of it is here cannot be told: {error}"
            return found
    return ""


def _dtensor(record: Call, objects: TorchObjects) -> str:
    """A ``DTensor``: the tensor of one process, the shape of the whole, how it is laid out over the processes."""
    whole, state = sizes_of(record.args[2][2]), _attributes(record.args[3])
    spec = state.get("_spec")
    names = [_named(item) for item in spec.state.get("placements") or ()]
    laid = f" ({', '.join(names)})" if names else ""
    if any("Partial" in name for name in names):
        return f"{list(whole)} is one summand of several{laid}"
    local = _shape(state.get("_local_tensor"), objects)
    return "" if local == whole else f"{list(local)} of {list(whole)}{laid}"


def _sharded(record: Call, objects: TorchObjects) -> str:
    """A ``ShardedTensor``: the shards of one process, the size of the whole."""
    shards, about = record.args[3][0], record.args[3][1]
    whole = sizes_of(about.state.get("size"))
    held = [_shape(_attributes(shard.state).get("tensor"), objects) for shard in shards]
    if sum(map(math.prod, held)) == math.prod(whole):
        return ""
    return f"{' and '.join(str(list(shape)) for shape in held[:4]) or 'nothing'} of {list(whole)}"


_PIECES: Final = {"DTensor": _dtensor, "ShardedTensor": _sharded}


def _attributes(state: Any) -> Mapping:
    if is_slots(state):
        return Mapping([*(state[0].pairs if state[0] is not None else []), *state[1].pairs])
    if not isinstance(state, Mapping):
        raise ValueError("its state is no dictionary")
    return state


def _shape(node: Any, objects: TorchObjects) -> tuple[int, ...]:
    """Return the shape of a tensor, which may be one that wraps others."""
    view = objects.tensor(node)
    if isinstance(view, TensorView):
        return view.shape
    for record in _chain(node):
        if record.path in TYPED and record.args[0].path == "torch._utils._rebuild_wrapper_subclass":
            return sizes_of(record.args[2][2])
    raise ValueError("the shape of the local tensor is not said")


def _named(node: Any) -> str:
    """A placement: ``Shard(0)``."""
    dim = node.state.get("dim") if isinstance(node.state, Mapping) else None
    return str(node.path.rpartition(".")[2]) + (f"({dim})" if type(dim) is int else "")
