"""Where the tensors of a model stand, and the names under which they are known.

An initializer is known by its own name where no other has it, else by its path. The value of an attribute is known as
``<node>.<attribute>``, behind the path of its graph: the name of its node, or operator and position of one without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from candle_spec.converters._shared.names import free_name
from candle_spec.converters.onnx.lists import Listed
from candle_spec.converters.onnx.roles import Role, Uses
from candle_spec.readers.protobuf import Window


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor stands.

    Attributes:
        name: The name under which it is known here.
        content: Its message, ``TensorProto`` or ``SparseTensorProto``, or the list of an attribute.
        sparse: Whether it is a ``SparseTensorProto``.
        role: What is known of its role.
    """

    name: str
    content: Window | Listed
    sparse: bool
    role: Role


@dataclass(frozen=True, slots=True)
class Found:
    """A tensor as it is found, before the names of all are known.

    Attributes:
        name: An initializer's own name, or node and attribute.
        folder: What its path begins with.
        content: See :class:`Place`.
        sparse: See :class:`Place`.
        role: Its role by the node whose attribute it is, ``None`` where that depends on who uses it.
        value: Name under which nodes use it.
    """

    name: str
    folder: str
    content: Window | Listed
    sparse: bool = False
    role: Role | None = None
    value: str = ""
    kind: Literal["initializer", "attribute"] = "initializer"


def named(found: Sequence[Found], uses: Uses) -> Iterator[Place]:
    """Give each tensor a name that no other has."""
    often = Counter(item.name for item in found if item.kind == "initializer")
    taken = {name for name, count in often.items() if count == 1 and name}
    for item in found:
        name = item.name
        if item.kind == "attribute" or not name or often[name] > 1:
            name = free_name(f"{item.folder}{item.name or 'tensor'}", taken)
            taken.add(name)
        yield Place(name, item.content, item.sparse, item.role or uses.role(item.value))
