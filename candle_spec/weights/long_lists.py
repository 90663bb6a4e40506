"""Long lists of numbers in a state tree are kept as tensors: a hundred times smaller than as JSON, and read in one go.

``{"$list": {"$tensor": ["state", name]}}`` stands for a list of the tensor's numbers, and comes back as a list.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from candle_spec.weights.sources import MemoryBytes, TensorSource, plain
from candle_spec.weights.state_tree import parse_float

GROUP: Final = "state"
LONG: Final = 1024
"""Numbers of a list from which it is a tensor."""
_LONGEST_NAME: Final = 200


def without_long_lists(tree: Any) -> tuple[Any, list[TensorSource]]:
    """Return a state tree without its long lists of integers or of floats, and these as tensors of one axis.

    Args:
        tree: The tree; it is not changed. A list of both, or of integers beyond 64 bits, stays.
    """
    taken: dict[str, TensorSource] = {}
    return (_Walk(taken).of(tree, "") if _has_long_list(tree) else tree), list(taken.values())


def _has_long_list(tree: Any) -> bool:
    """Whether there is any, found without recursion: a tree may be deeper than calls."""
    return any(_packed(node) is not None for node in _lists(tree))


def _lists(tree: Any) -> Iterator[list[Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            if len(node) >= LONG:
                yield node
            waiting += (item for item in node if isinstance(item, (dict, list)))
        elif isinstance(node, dict):
            waiting += node.values()


class _Walk:
    """One walk through a tree; what it takes is collected by name."""

    def __init__(self, taken: dict[str, TensorSource]) -> None:
        self._taken = taken

    def of(self, node: Any, at: str) -> Any:
        """Return the node with its long lists taken out."""
        if isinstance(node, dict):
            return self._object(node, at)
        if not isinstance(node, list):
            return node
        packed = _packed(node)
        if packed is None:
            return [self.of(item, _below(at, str(index))) for index, item in enumerate(node)]
        name, number = at or "list", 2
        while name in self._taken:
            name, number = f"{at or 'list'}#{number}", number + 1
        dtype, data = packed
        self._taken[name] = plain(GROUP, name, dtype, (len(node),), MemoryBytes(data))
        return {"$list": {"$tensor": [GROUP, name]}}

    def _object(self, node: dict[str, Any], at: str) -> Any:
        made = {}
        for tag, value in node.items():
            if tag == "$dict":  # a list of pairs, and no list of the native structure
                made[tag] = [[key, self.of(inner, _below(at, key))] for key, inner in value]
            elif isinstance(value, list):  # the items of a tuple, a set, an object: its own, not a native list
                made[tag] = [self.of(item, _below(at, str(index))) for index, item in enumerate(value)]
            else:
                made[tag] = self.of(value, at)
        return made


def _below(at: str, key: Any) -> str:
    made = f"{at}.{key}" if at else str(key)
    return made if isinstance(key, str) and len(made) <= _LONGEST_NAME and made.isprintable() else at


def _packed(items: list[Any]) -> tuple[str, bytes] | None:
    """Return dtype and bytes of a long list of numbers of one type."""
    if len(items) < LONG:
        return None
    if all(type(item) is int for item in items):
        return "I64", struct.pack(f"<{len(items)}q", *items)
    if all(isinstance(item, dict) and item.keys() == {"$float"} for item in items):
        return "F64", struct.pack(f"<{len(items)}d", *(parse_float(item["$float"]) for item in items))
    return None
