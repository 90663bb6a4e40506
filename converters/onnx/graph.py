"""The tensors of an ONNX model, wherever they stand: initializers, attributes, sub-graphs, functions, training.

A tensor is known by its own name where no other has it, else by its path: node, attribute, graph by graph.
Layout: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from candle_spec import limits
from candle_spec.converters._shared.names import free_name
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
_TENSORS: Final = (5, 10)
_GRAPHS: Final = (6, 11)
_SPARSES: Final = (22, 23)
_SINGLE: Final = (5, 6, 22)
_OUR_DOMAINS: Final = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training", "com.microsoft"}
)
"""Domains whose operators ONNX or its runtime defines."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor stands.

    Attributes:
        name: The name under which it is known here.
        window: Its message.
        sparse: Whether it is a ``SparseTensorProto``.
    """

    name: str
    window: Window
    sparse: bool


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
    model.tensors = list(_named(walk.found))
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
class _Found:
    own: str
    folder: str
    path: str
    window: Window
    sparse: bool


def _named(found: list[_Found]) -> Iterator[Place]:
    """Give each tensor a name that no other has."""
    often = Counter(item.own for item in found)
    taken = {item.own for item in found if often[item.own] == 1 and item.own}
    for item in found:
        name = item.own
        if not name or often[name] > 1:
            # An initializer is known by its name in its graph, a value of an attribute by node and attribute.
            name = free_name(item.path or f"{item.folder}{item.own or 'tensor'}", taken)
            taken.add(name)
        yield Place(name, item.window, item.sparse)


@dataclass(slots=True)
class _Walk:
    model: Model
    nodes: int = 0
    found: list[_Found] = field(default_factory=list)

    def graph(self, window: Window, folder: str) -> None:
        """Walk a ``GraphProto``; ``folder`` is what its tensors' paths begin with."""
        index = 0
        for item in protobuf.fields(window):
            if item.number == 1:
                self.node(item.window, folder, index)
                index += 1
            elif item.number in (5, 15):
                self.tensor(item, folder, "", sparse=item.number == 15)

    def node(self, window: Window, folder: str, index: int) -> None:
        """Walk a ``NodeProto``."""
        self.nodes += 1
        if self.nodes > limits.GRAPH_NODES:
            raise LimitExceededError(f"more than {limits.GRAPH_NODES} nodes", location=window.location)
        texts: dict[int, str] = {}
        attributes: list[Window] = []
        for item in protobuf.fields(window):
            if item.number in (3, 4, 7):
                texts[item.number] = text_of(item)
            elif item.number == 5 and item.wire == protobuf.BYTES:
                attributes.append(item.window)
        operator = texts.get(4, "")
        self.model.operators[texts.get(7, ""), operator] += 1
        label = texts.get(3) or f"{operator}_{index}"
        for attribute in attributes:
            self.attribute(attribute, f"{folder}{label}/")

    def attribute(self, window: Window, folder: str) -> None:
        """Walk an ``AttributeProto``."""
        name = ""
        inner: list[protobuf.Field] = []
        for item in protobuf.fields(window):
            if item.number == 1:
                name = text_of(item)
            elif item.number in (*_TENSORS, *_GRAPHS, *_SPARSES):
                inner.append(item)
        numbers = Counter(item.number for item in inner)
        if any(numbers[number] > 1 for number in _SINGLE):
            raise CorruptFileError(f"the attribute {name!r} has two values", location=_at(window))
        position: Counter[int] = Counter()
        for item in inner:
            several = "" if item.number in _SINGLE else f"_{position[item.number]}"
            position[item.number] += 1
            path = f"{folder}{name}{several}"
            if item.number in _GRAPHS:
                self.graph(item.window, f"{path}/")
            else:
                self.tensor(item, folder, path, sparse=item.number in _SPARSES)

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
            self.attribute(attribute, folder)
        for index, node in enumerate(nodes):
            self.node(node, folder, index)

    def training(self, window: Window) -> None:
        """Walk a ``TrainingInfoProto``."""
        folder = f"training_info_{self.model.training}/"
        self.model.training += 1
        for item in protobuf.fields(window):
            if item.number in (1, 2):
                self.graph(item.window, f"{folder}{'initialization' if item.number == 1 else 'algorithm'}/")

    def tensor(self, item: protobuf.Field, folder: str, path: str, *, sparse: bool) -> None:
        """Note a tensor and its names."""
        if item.wire != protobuf.BYTES:
            raise CorruptFileError("a tensor is no message", location=_at(item.window))
        if len(self.found) >= limits.ONNX_TENSORS:
            raise LimitExceededError(f"more than {limits.ONNX_TENSORS} tensors", location=item.window.location)
        inner: Window | None = item.window
        if sparse:
            # A sparse tensor is known by the name of its values.
            inner = next((part.window for part in protobuf.fields(item.window) if part.number == 1), None)
        own = ""
        for part in protobuf.fields(inner) if inner is not None else ():
            if part.number == _TENSOR_NAME:
                own = text_of(part)
        self.found.append(_Found(own, folder, path, item.window, sparse))
