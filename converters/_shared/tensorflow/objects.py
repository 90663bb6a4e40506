"""The object graph of a TensorFlow 2 checkpoint: which object holds which tensor, and under what names.

A checkpoint names each variable by the first path on which it was found, and that path often leads through the
optimizer; the graph knows all paths. Layout:
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/trackable_object_graph.proto.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec.conversion.meaning import TENSOR_KINDS, kind_of
from candle_spec.errors import CorruptFileError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window
from candle_spec.weights import state_tree

GRAPH_KEY: Final = "_CHECKPOINTABLE_OBJECT_GRAPH"
VALUE: Final = "VARIABLE_VALUE"
COPIES: Final = "_all_variables"
"""A list in which Keras' export archive files copies of all variables a second time."""

_STEPS: Final = frozenset({"iter", "iterations", "_iterations", "iteration"})
_RATES: Final = frozenset({"learning_rate", "_learning_rate", "lr", "_variables", "_current_learning_rate"})
_METRICS: Final = frozenset({"metrics", "_metrics", "_compile_metrics", "loss_tracker", "_loss_tracker"})
_VARIABLES: Final = "_variables"
_OF_MODEL: Final = "_trainable_variables"
_GENERATOR: Final = "_state_var"
_WRAPPED: Final = frozenset({"inner_optimizer", "optimizer", "_optimizer"})
_COUNTERS: Final = frozenset({"save_counter", "step", "epoch", "global_step", "steps", "epochs"})


@dataclass(slots=True)
class Node:
    """One object: its children by name, its tensors, and the variables that it keeps beside others' (slots)."""

    children: list[tuple[str, int]] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    """Name of the attribute, full name of the variable, key in the checkpoint."""
    slots: list[tuple[int, str, int]] = field(default_factory=list)
    """The variable it belongs to, name of the slot, the variable that is the slot."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the object graph says of one key.

    Attributes:
        kind: Kind of the group.
        role: ``parameter``, ``buffer`` or empty.
        label: Full name of the variable.
        node: Number of the object.
        slot: Key of the variable that an optimizer's slot belongs to, and the name of the slot.
    """

    kind: str
    role: str = ""
    label: str = ""
    node: int = -1
    slot: tuple[str, str] | None = None


def parse_objects(message: Window) -> list[Node]:
    """Return the objects.

    Raises:
        CorruptFileError: It is no object graph, or names an object that is not there.
    """
    nodes = [_node(item.window) for item in protobuf.fields(message) if item.number == 1]
    numbers = [number for node in nodes for _, number in node.children]
    numbers += [number for node in nodes for of, _, slot in node.slots for number in (of, slot)]
    if any(not 0 <= number < len(nodes) for number in numbers):
        raise CorruptFileError("the object graph names an object that is not there", location=message.location)
    return nodes


def _node(message: Window) -> Node:
    node = Node()
    for item in protobuf.fields(message):
        if item.number not in (1, 2, 3):
            continue
        inner = {part.number: part for part in protobuf.fields(item.window)}
        numbers = {number: part.signed for number, part in inner.items() if part.wire == protobuf.VARINT}
        texts = {number: part.window.text() for number, part in inner.items() if part.wire == protobuf.BYTES}
        if item.number == 1:
            node.children.append((texts.get(2, ""), numbers.get(1, 0)))
        elif item.number == 2:
            node.attributes.append((texts.get(1, ""), texts.get(2, ""), texts.get(3, "")))
        else:
            node.slots.append((numbers.get(1, 0), texts.get(2, ""), numbers.get(3, 0)))
    return node


def meanings(nodes: list[Node]) -> dict[str, Meaning]:
    """Return what each key means."""
    found: dict[str, Meaning] = {}
    reader = _Reader(nodes)
    for number, node in enumerate(nodes):
        for name, label, key in node.attributes:
            found[key] = reader.meaning(number, name, label, key)
    return found


class _Reader:
    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes
        incoming: dict[int, set[str]] = {}
        for node in nodes:
            for name, number in node.children:
                incoming.setdefault(number, set()).add(name)
        self._incoming = incoming
        self._optimizers = {number for number in range(len(nodes)) if self._is_optimizer(number)}
        self._metrics = {number for number, names in incoming.items() if names & _METRICS}
        self._slots = {slot: (of, name) for node in nodes for of, name, slot in node.slots}
        lists = [n for at in self._optimizers for name, n in nodes[at].children if name == _OF_MODEL]
        self._trained = {child for number in lists for _, child in nodes[number].children}
        self._trained |= {of for of, _ in self._slots.values()}
        self._model = self._reachable({0}, self._optimizers | self._metrics) | self._trained
        self._measured = self._reachable(self._metrics, self._optimizers)
        self._optimized = self._reachable(self._optimizers, set())

    def _is_optimizer(self, number: int) -> bool:
        """Whether an object has slots, or the counter, the rate and the lists of variables that optimizers have."""
        node = self._nodes[number]
        names = {name for name, _ in node.children}
        if node.slots or not (names & _STEPS and names & _RATES):
            return bool(node.slots)
        if number == 0 and _VARIABLES not in names:
            return False
        lists = [child for name, child in node.children if name not in _WRAPPED and child != number]
        return not any(self._nodes[n].children for child in lists for _, n in self._nodes[child].children)

    def _reachable(self, roots: set[int], closed: set[int]) -> set[int]:
        """Return the objects on paths that do not lead into ``closed``."""
        waiting = deque(number for number in sorted(roots - closed) if number < len(self._nodes))
        seen = set(waiting)
        while waiting:
            for _, number in self._nodes[waiting.popleft()].children:
                if number not in seen and number not in closed:
                    seen.add(number)
                    waiting.append(number)
        return seen

    def meaning(self, number: int, name: str, label: str, key: str) -> Meaning:
        """Return what the tensor of an object is."""
        kind = self._kind(number, name, key)
        role = "parameter" if number in self._trained and kind == "model" else ""
        slot = None
        if number in self._slots:
            of, slot_name = self._slots[number]
            slot = (next((at for part, _, at in self._nodes[of].attributes if part == VALUE), ""), slot_name)
        return Meaning(kind, role, label, number, slot)

    def _kind(self, number: int, name: str, key: str) -> str:
        if number in self._slots:
            return "optimizer"
        if number not in self._model:
            measured, optimized = number in self._measured, number in self._optimized
            return "metric" if measured else "optimizer" if optimized else "other"
        if _GENERATOR in self._incoming.get(number, ()):
            return "rng"
        first, _, rest = key.partition("/")
        if name == "OBJECT_CONFIG_JSON" or (first in _COUNTERS and rest == f".ATTRIBUTES/{VALUE}"):
            return "other"
        kind = kind_of(first)
        return kind if kind in TENSOR_KINDS and number not in self._trained and kind != "optimizer" else "model"


def objects_tree(nodes: list[Node]) -> Any:
    """Return the object graph as a state tree: one mapping for each object, in the native order."""
    return [_tree(node) for node in nodes]


def _tree(node: Node) -> Any:
    text = state_tree.encode_scalar
    pairs: list[tuple[Any, Any]] = []
    if node.children:
        pairs.append(("children", state_tree.mapping([(text(name), number) for name, number in node.children])))
    if node.attributes:
        rows = [[text(part) for part in row] for row in node.attributes]
        pairs.append(("attributes", rows))
    if node.slots:
        pairs.append(("slot_variables", [[of, text(name), slot] for of, name, slot in node.slots]))
    return state_tree.mapping(pairs)
