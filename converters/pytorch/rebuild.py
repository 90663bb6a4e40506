"""A fresh PyTorch file from manifest and weights alone, written by torch itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from candle_spec.errors import UnsupportedFormatError
from candle_spec.optional import require
from candle_spec.weights.state_tree import decode

_FOREIGN: Final = frozenset({"$object", "$global"})


def rebuild(
    *,
    manifest: Mapping[str, Any],
    state: Any,
    read_file: Callable[[str], bytes],
    tensor: Callable[..., Any],
    target: Path,
) -> None:
    """Write the structure of ``state`` with its tensors as a zip file of ``torch.save``.

    Tied names share one storage again; views of one storage that are no ties become storages of their own.

    Raises:
        MissingDependencyError: torch is not installed.
        UnsupportedFormatError: The structure holds objects of foreign classes, or is a TorchScript program.
    """
    del read_file  # all that a PyTorch file holds is in the state tree
    if state is None or manifest["conversion"]["native"]["variant"] == "torchscript":
        raise UnsupportedFormatError(
            "a TorchScript program cannot be made from weights alone", hint="restore it byte for byte"
        )
    foreign = _foreign(state)
    if foreign:
        raise UnsupportedFormatError(
            f"the file holds objects of foreign classes ({', '.join(sorted(foreign)[:3])}), which are not made here",
            hint="restore it byte for byte; checkpoint.state_dict() gives the tensors",
        )
    torch = require("torch", extra="torch", purpose="write a PyTorch file")
    structure = decode(state, lambda group, name: tensor(group, name, framework="torch"))
    # A storage that is a memory map of the checkpoint would be saved whole: every tensor gets its own.
    torch.save(_own_storages(structure, torch, {}), target)


def _foreign(tree: Any) -> set[str]:
    """Names of the foreign classes in a state tree."""
    found: set[str] = set()
    open_nodes = [tree]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, list):
            open_nodes += node
        elif isinstance(node, dict):
            tag = next(iter(node), "")
            if tag in _FOREIGN:
                found.add(str(node[tag]))
            if tag == "$tensor" and ("class" in node or "attributes" in node):
                found.add(str(node.get("class", "a tensor with attributes")))
            open_nodes += node.values()
    return found


def _own_storages(value: Any, torch: Any, made: dict[int, Any]) -> Any:
    """Give every tensor a storage of its own; ties, sharing, kinds and order of containers stay."""
    if id(value) in made:
        return made[id(value)]
    if isinstance(value, torch.Tensor):
        made[id(value)] = value.clone()
    elif isinstance(value, dict):
        made[id(value)] = value
        for key in list(value):
            value[key] = _own_storages(value[key], torch, made)
    elif isinstance(value, list):
        made[id(value)] = value
        value[:] = [_own_storages(item, torch, made) for item in value]
    elif isinstance(value, tuple):
        return tuple(_own_storages(item, torch, made) for item in value)
    return made.get(id(value), value)
