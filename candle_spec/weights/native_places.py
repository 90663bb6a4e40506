"""Places of a native structure: the pointer of a group's root follows native keys, not the tags of the state tree.

``/model/state_dict`` is the value under the keys ``model`` and ``state_dict``, wherever the tree's tags put it: in a
mapping, in the state of an object; ``/0`` is the first item of a list or a tuple.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from candle_spec import pointer
from candle_spec.errors import InvalidInputError

_SEQUENCES: Final = ("$tuple", "$set", "$frozenset")


def is_place(tree: Any, root: str) -> bool:
    """Whether a pointer of native keys leads to a place of a state tree; the empty one leads to the whole."""
    try:
        keys = pointer.split(root)
    except InvalidInputError:
        return False
    nodes = [tree]
    for key in keys:
        nodes = list({id(inner): inner for node in nodes for inner in _below(tree, node, key)}.values())
    return bool(nodes)


def _below(tree: Any, node: Any, key: str) -> Iterator[Any]:
    """Yield what stands under a key of a node: of an object, in its state or among its items."""
    node = _target(tree, node)
    if isinstance(node, list):
        yield from _item(node, key)
    if not isinstance(node, dict):
        return
    for tag in _SEQUENCES:
        yield from _item(node.get(tag), key)
    within = [_target(tree, node.get(part)) for part in ("state", "items")] if "$object" in node else [node]
    for mapping in within:
        rows = mapping.get("$dict") if isinstance(mapping, dict) else None
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, list) and len(row) == 2 and _text(row[0]) == key:
                yield row[1]


def _target(tree: Any, node: Any) -> Any:
    """Follow a reference to the container that it is; one that leads to another reference leads nowhere."""
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        found = pointer.get(tree, node["$ref"], None) if node["$ref"].startswith("/") or not node["$ref"] else None
        return None if isinstance(found, dict) and "$ref" in found else found
    return node


def _item(items: Any, key: str) -> Iterator[Any]:
    if not isinstance(items, list):
        return
    if key.isascii() and key.isdecimal() and len(key) < 10 and int(key) < len(items):
        yield items[int(key)]
    # Of a list of pairs (name, object) the items go by their names, as the steps of a pipeline do.
    pairs = (item.get("$tuple") for item in items if isinstance(item, dict))
    yield from (pair[1] for pair in pairs if isinstance(pair, list) and len(pair) > 1 and pair[0] == key)


def _text(key: Any) -> str:
    """A native key as a part of a pointer."""
    if isinstance(key, dict):
        tag, value = next(iter(key.items()), ("", ""))
        return ",".join(map(_text, value)) if tag == "$tuple" and isinstance(value, list) else str(value)
    return str(key)
