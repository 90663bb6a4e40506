"""Places: in a state tree, of documents, and of bytes in native files, as spec.md has them; in standard Python."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

from tests.conformance.plain import children

BYTE = "BOOL U8 I8 F8_E4M3 F8_E5M2 F8_E4M3FNUZ F8_E5M2FNUZ F8_E8M0"
WIDTHS = {4: "F4", 6: "F6_E2M3 F6_E3M2", 8: BYTE, 16: "U16 I16 F16 BF16", 32: "U32 I32 F32", 64: "U64 I64 F64 C64"}
BITS = {name: width for width, names in WIDTHS.items() for name in names.split()}


def documents(node: Any) -> list[str]:
    """The paths that `$document` names, outermost only."""
    own = [node["$document"]] if isinstance(node, dict) and isinstance(node.get("$document"), str) else []
    return own or [path for child in children(node) for path in documents(child)]


def is_place(tree: Any, pointer: str) -> bool:
    """Whether a pointer of native keys leads through a state tree."""
    nodes = [tree]
    for key in (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]):
        nodes = [found for node in nodes for found in inside(at(tree, node), key)]
    return bool(nodes)


def at(tree: Any, node: Any) -> Any:
    """What stands at a place: `$ref` leads to another."""
    if not isinstance(node, dict) or "$ref" not in node:
        return node
    keys = [part.replace("~1", "/").replace("~0", "~") for part in node["$ref"].split("/")[1:]]
    return reduce(lambda found, key: found[int(key) if isinstance(found, list) else key], keys, tree)


def inside(node: Any, key: str) -> list[Any]:
    items = node if isinstance(node, list) else node.get("$tuple", []) if isinstance(node, dict) else []
    found = [item for index, item in enumerate(items) if str(index) == key]
    pairs = [item.get("$tuple") if isinstance(item, dict) else item for item in items]
    found += [pair[1] for pair in pairs if isinstance(pair, list) and len(pair) == 2 and pair[0] == key]
    if isinstance(node, dict):
        rows = [(next(iter(k.values())) if isinstance(k, dict) else k, value) for k, value in node.get("$dict", [])]
        found += [value for name, value in rows if str(name) == key]
        within = [node.get(name) for name in ("state", "attributes", "items")] + list(node.get("args", []))
        found += [value for held in within if held is not None for value in inside(held, key)]
    return found


def moved(data: bytes, dtype: str, shape: list[int], extent: dict[str, Any]) -> bytes:
    """The bytes of an array as the native file has them: in its order of axes, and of the bytes of its numbers."""
    width, size = BITS[dtype] // 8, extent.get("swap", 1)
    steps = [(shape[axis], math.prod(shape[axis + 1 :]) * width) for axis in extent.get("order", range(len(shape)))]
    starts = reduce(lambda found, step: [at + step[1] * i for at in found for i in range(step[0])], steps, [0])
    items = (data[at : at + width] for at in starts)
    return b"".join(item[i : i + size][:: -1 if size > 1 else 1] for item in items for i in range(0, width, size))
