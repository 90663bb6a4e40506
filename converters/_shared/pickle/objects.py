"""What the objects of a pickle consist of: the pairs of a dictionary, and everything from an object on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from candle_spec.converters._shared.pickle.arrays import ArrayNode
from candle_spec.readers.inert_pickle import Call, Mapping, SetNode

_DICTIONARIES: Final = frozenset(
    """collections.OrderedDict collections.defaultdict collections.Counter builtins.dict __builtin__.dict""".split()
)

_PLAIN: Final = (str, bytes, bytearray, int, float, type(None))


def as_pairs(node: Any) -> list[tuple[Any, Any]] | None:
    """Return the pairs of a dictionary, of whatever kind, or ``None``."""
    if isinstance(node, Mapping):
        return node.unique()
    if isinstance(node, Call) and node.path in _DICTIONARIES and not node.elements:
        start = (
            node.args[0]
            if node.path != "collections.defaultdict" and isinstance(node.args, tuple) and node.args
            else []
        )
        if isinstance(start, Mapping):
            return Mapping([*start.pairs, *node.items.pairs]).unique()
        if isinstance(start, list) and all(isinstance(row, (list, tuple)) and len(row) == 2 for row in start):
            return Mapping([(row[0], row[1]) for row in start] + node.items.pairs).unique()
    return None


def children(node: Any) -> list[Any]:
    """Return everything directly in a record."""
    if isinstance(node, Mapping):
        return [item for pair in node.pairs for item in pair]
    if isinstance(node, (list, tuple)):
        return list(node)
    if isinstance(node, SetNode):
        return node.items
    if isinstance(node, Call):
        return [node.function, node.args, node.kwargs, *node.states, node.items, node.elements]
    if isinstance(node, ArrayNode) and isinstance(node.data, list):
        return node.data
    return []


def everything(root: Any) -> Iterator[Any]:
    """Yield every record from a root on, each once, in the order of the stream; nothing recurses."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _PLAIN):
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        # Containers made on the way live no longer than this call: what they hold does, and is what counts.
        waiting += reversed(children(node))


def holders(root: Any, is_leaf: Callable[[Any], bool]) -> tuple[set[int], set[int], list[Any]]:
    """Find what is looked for, and everything that leads to it, in one pass over the records; leaves are not entered.

    Returns:
        Ids of the records that are leaves; ids of these and of all that hold one; the records, which must live as
        long as their ids are used.
    """
    leaves: set[int] = set()
    above: dict[int, list[int]] = {id(root): []}
    kept: list[Any] = [] if isinstance(root, _PLAIN) else [root]
    for node in kept:  # it grows while it is gone through
        if is_leaf(node):
            leaves.add(id(node))
            continue
        for child in children(node):
            if isinstance(child, _PLAIN):
                continue
            if id(child) not in above:
                above[id(child)] = []
                kept.append(child)
            above[id(child)].append(id(node))
    found = set(leaves)
    waiting = list(leaves)
    while waiting:
        new = {node for node in above[waiting.pop()] if node not in found}
        found |= new
        waiting += new
    return leaves, found, kept
