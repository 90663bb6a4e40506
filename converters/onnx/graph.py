"""The tensors of an ONNX model, wherever they stand: initializers, attributes, sub-graphs, functions, training.

Layout: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from candle_spec import limits
from candle_spec.converters.onnx import roles
from candle_spec.converters.onnx.attributes import GRAPHS, ONE, SPARSES, read_attribute
from candle_spec.converters.onnx.lists import LISTS
from candle_spec.converters.onnx.places import Found, Place, named
from candle_spec.converters.onnx.tensor_proto import pair, text_of
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window

_GRAPH: Final = 7
_OPSET: Final = 8
_METADATA: Final = 14
_TRAINING: Final = 20
_FUNCTION: Final = 25
_TENSOR_NAME: Final = 8
_INPUT: Final = 1
_OUTPUT: Final = 2
_OUR_DOMAINS: Final = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training", "com.microsoft"}
)
"""Domains whose operators ONNX or its runtime defines."""


@dataclass(slots=True)
class Model:
    """What a model's message holds besides the values of its tensors."""

    texts: dict[int, str] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    graph: Window | None = None
    opsets: list[tuple[str, int]] = field(default_factory=list)
    metadata: list[tuple[str, str]] = field(default_factory=list)
    operators: Counter[tuple[str, str]] = field(default_factory=Counter)
    functions: list[tuple[str, str]] = field(default_factory=list)
    training: int = 0
    tensors: list[Place] = field(default_factory=list)

    @property
    def foreign_domains(self) -> list[str]:
        """Domains of operators that neither ONNX nor the model itself defines."""
        own = set(self.functions)
        return sorted({op[0] for op in self.operators if op[0] not in _OUR_DOMAINS and op not in own})


def read_model(message: Window) -> Model:
    """Read a ``ModelProto`` without the values of its tensors.

    Raises:
        CorruptFileError: It breaks its layout.
        LimitExceededError: It has far too many nodes or tensors, or nests too deeply.
    """
    walk = _Walk(Model())
    model = walk.model
    for item in protobuf.fields(message):
        if item.number in (1, 5) and item.wire == protobuf.VARINT:
            model.numbers[item.number] = item.signed
        elif item.number in (2, 3, 4, 6):
            model.texts[item.number] = text_of(item)
        elif item.number == _GRAPH:
            if model.graph is not None:
                raise CorruptFileError("the model has two graphs", location=_at(item.window))
            model.graph = item.window
            walk.graph(item.window, "")
        elif item.number == _OPSET:
            model.opsets.append(_opset(item.window))
        elif item.number == _METADATA:
            model.metadata.append(pair(item.window))
        elif item.number == _TRAINING:
            walk.training(item.window)
        elif item.number == _FUNCTION:
            walk.function(item.window)
    if model.graph is None:
        raise CorruptFileError("the model has no graph", location=message.location)
    model.tensors = list(named(walk.found, walk.uses))
    return model


def _at(window: Window) -> str:
    return f"{window.location}, byte {window.offset}"


def _opset(window: Window) -> tuple[str, int]:
    domain, version = "", 0
    for item in protobuf.fields(window):
        if item.number == 1:
            domain = text_of(item)
        elif item.number == 2:
            version = item.signed
    return domain, version


@dataclass(frozen=True, slots=True)
class _Node:
    """A node: its operator, the name under which it is known, and of one that is a value the name of that value."""

    domain: str
    operator: str
    name: str
    result: str


@dataclass(slots=True)
class _Walk:
    model: Model
    nodes: int = 0
    found: list[Found] = field(default_factory=list)
    uses: roles.Uses = field(default_factory=roles.Uses)

    def graph(self, window: Window, folder: str) -> None:
        """Walk a ``GraphProto``; ``folder`` is what its tensors' paths begin with."""
        index = 0
        for item in protobuf.fields(window):
            if item.number == 1:
                self.node(item.window, folder, index)
                index += 1
            elif item.number in (5, 15):
                self.initializer(item, folder, sparse=item.number == 15)

    def node(self, window: Window, folder: str, index: int) -> None:
        """Walk a ``NodeProto``."""
        self.nodes += 1
        if self.nodes > limits.GRAPH_NODES:
            raise LimitExceededError(f"more than {limits.GRAPH_NODES} nodes", location=window.location)
        texts: dict[int, str] = {}
        ends: dict[int, list[protobuf.Field]] = {_INPUT: [], _OUTPUT: []}
        attributes: list[Window] = []
        for item in protobuf.fields(window):
            if item.number in (3, 4, 7):
                texts[item.number] = text_of(item)
            elif item.number in ends:
                ends[item.number].append(item)
            elif item.number == 5 and item.wire == protobuf.BYTES:
                attributes.append(item.window)
        domain, operator = texts.get(7, ""), texts.get(4, "")
        self.model.operators[domain, operator] += 1
        if roles.says_of_inputs(operator):
            self.uses.add(operator, [text_of(item) for item in ends[_INPUT]])
        result = text_of(ends[_OUTPUT][0]) if ends[_OUTPUT] and roles.is_constant(domain, operator) else ""
        node = _Node(domain, operator, texts.get(3) or f"{operator}_{index}", result)
        for attribute in attributes:
            self.attribute(attribute, folder, node)

    def attribute(self, window: Window, folder: str, node: _Node) -> None:
        """Walk an ``AttributeProto``."""
        found = read_attribute(window, with_lists=roles.may_have_data(node.domain, node.operator, window.size))
        name = f"{node.name}.{found.name}" if node.name else found.name
        # What uses the value of a constant says more of it than the node does.
        role = roles.of_attribute(node.domain, node.operator, found.name) if not node.result else None
        position: Counter[int] = Counter()
        for item in found.inner:
            own = name if item.number in ONE else f"{name}_{position[item.number]}"
            position[item.number] += 1
            if item.number in GRAPHS:
                self.graph(item.window, f"{folder}{own}/")
            else:
                _check_message(item)
                sparse = item.number in SPARSES
                self.add(Found(own, folder, item.window, sparse, role, node.result, "attribute"))
        lists = [found.lists[number] for number in LISTS if number in found.lists]
        data = [each for each in lists if roles.is_data(node.domain, node.operator, each.count)]
        value = found.value() if node.result else None
        for each in [*data, *([value] if value is not None else [])]:
            self.add(Found(name, folder, each, False, role, node.result, "attribute"))

    def function(self, window: Window) -> None:
        """Walk a ``FunctionProto``."""
        texts: dict[int, str] = {}
        nodes: list[Window] = []
        defaults: list[Window] = []
        for item in protobuf.fields(window):
            if item.number in (1, 10):
                texts[item.number] = text_of(item)
            elif item.number == 7:
                nodes.append(item.window)
            elif item.number == 11:
                defaults.append(item.window)
        name, domain = texts.get(1, ""), texts.get(10, "")
        self.model.functions.append((domain, name))
        folder = f"functions/{domain}/{name}/" if domain else f"functions/{name}/"
        for attribute in defaults:
            self.attribute(attribute, folder, _Node("", "", "", ""))
        for index, node in enumerate(nodes):
            self.node(node, folder, index)

    def training(self, window: Window) -> None:
        """Walk a ``TrainingInfoProto``."""
        folder = f"training_info_{self.model.training}/"
        self.model.training += 1
        for item in protobuf.fields(window):
            if item.number in (1, 2):
                self.graph(item.window, f"{folder}{'initialization' if item.number == 1 else 'algorithm'}/")

    def initializer(self, item: protobuf.Field, folder: str, *, sparse: bool) -> None:
        """Note an initializer and its name."""
        _check_message(item)
        inner: Window | None = item.window
        if sparse:
            # A sparse tensor is known by the name of its values.
            inner = next((part.window for part in protobuf.fields(item.window) if part.number == 1), None)
        own = ""
        for part in protobuf.fields(inner) if inner is not None else ():
            if part.number == _TENSOR_NAME:
                own = text_of(part)
        self.add(Found(own, folder, item.window, sparse, value=own))

    def add(self, found: Found) -> None:
        """Note a tensor."""
        if len(self.found) >= limits.ONNX_TENSORS:
            raise LimitExceededError(f"more than {limits.ONNX_TENSORS} tensors")
        self.found.append(found)


def _check_message(item: protobuf.Field) -> None:
    if item.wire != protobuf.BYTES:
        raise CorruptFileError("a tensor is no message", location=_at(item.window))
