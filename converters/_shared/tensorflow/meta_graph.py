"""A ``MetaGraphDef``: a graph with signatures, assets, and the objects that the variables belong to.

A ``saved_model.pb`` holds one or several, the ``.meta`` file of TensorFlow 1 is one. Layout:
https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/protobuf (``meta_graph.proto``,
``saved_object_graph.proto``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from candle_spec.conversion.contract import EmbeddedCode, Native
from candle_spec.converters._shared.tensorflow.graph import Graph, base_name
from candle_spec.converters._shared.tensorflow.types import data_type
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window
from candle_spec.readers.tensor_bundle import shape_of

_VARIABLE: Final = 7
_TRAINABLE: Final = "trainable_variables"
_SAVER_OPS: Final = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints", "Save", "SaveSlices", "Restore"})


TensorInfo = tuple[str, str, str, tuple[int, ...] | None]
"""An input or output: its name, the tensor, the dtype, the axes (``None``: rank unknown)."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What can be called: name, method, inputs and outputs."""

    name: str
    method: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


@dataclass(slots=True)
class MetaGraph:
    """One graph with what belongs to it.

    Attributes:
        tags: Its tags (``serve``).
        version: Version of TensorFlow that wrote it.
        graph: Its graph.
        signatures: Its signatures, by name.
        assets: Names of the files below ``assets/`` that it reads.
        trainable: Names of the trainable variables (TensorFlow 1).
        variables: Name and whether it is trained, of each object that is a variable, by number (TensorFlow 2).
        saver: Nodes of the graph that save and restore its variables.
    """

    tags: list[str] = field(default_factory=list)
    version: str = ""
    graph: Graph = field(default_factory=Graph)
    signatures: dict[str, Signature] = field(default_factory=dict)
    assets: list[str] = field(default_factory=list)
    trainable: set[str] = field(default_factory=set)
    variables: dict[int, tuple[str, bool]] = field(default_factory=dict)
    saver: set[str] = field(default_factory=set)

    def roles(self, name: str) -> str:
        """Return the role of a variable of TensorFlow 1, where the graph says which are trained."""
        return "" if not self.trainable else "parameter" if name in self.trainable else "buffer"

    def risks(self) -> list[str]:
        """Return the operations that touch files or run other code, with how often; a saver's own are left out.

        What saves and restores is trusted to be a saver only where nothing else takes or calls what it consists of.
        """
        functions = {name for name, callers in self.graph.callers.items() if callers <= {("", s) for s in self.saver}}
        counts: dict[str, int] = {}
        for function, name, op in self.graph.risky:
            own = function in functions if function else not self._taken(name.partition("/")[0] + "/")
            if not (own and op in _SAVER_OPS):
                counts[op] = counts.get(op, 0) + 1
        return [f"{op} ({count})" for op, count in sorted(counts.items())]

    def _taken(self, scope: str) -> bool:
        """Whether something outside of a scope takes what is made in it."""
        readers = self.graph.readers.items()
        outside = any(
            name.startswith(scope) and any(not reader.startswith(scope) for reader, _ in rows) for name, rows in readers
        )
        ends = [base_name(row[1]) for signature in self.signatures.values() for row in signature.outputs]
        return outside or any(name.startswith(scope) for name in ends)


def note_risks(native: Native, graphs: Iterable[MetaGraph], path: str) -> None:
    """Say which operations of graphs, which are kept in a file, touch files or run other code."""
    risks = sorted({risk for graph in graphs for risk in graph.risks()})
    if risks:
        said = f"the graph touches files or runs other code: {', '.join(risks)}"
        native.embedded_code.append(EmbeddedCode("graph-operator", said[:500], path))


def read_meta_graph(message: Window) -> MetaGraph:
    """Return what a ``MetaGraphDef`` holds.

    Raises:
        CorruptFileError: It is none.
        LimitExceededError: It is too deep or has too many nodes.
    """
    found = MetaGraph()
    for item in protobuf.fields(message):
        if item.number == 1:
            _about(found, item.window)
        elif item.number == 2:
            found.graph.add(item.window)
        elif item.number == 3:
            found.saver |= {base_name(p.window.text()) for p in protobuf.fields(item.window) if p.number in (1, 2, 3)}
        elif item.number == 4:
            _collection(found, item.window)
        elif item.number == 5:
            signature = _signature(item.window)
            found.signatures[signature.name] = signature
        elif item.number == 6:
            found.assets += [p.window.text() for p in protobuf.fields(item.window) if p.number == 2]
        elif item.number == 7:
            _objects(found, item.window)
    return found


def _about(found: MetaGraph, message: Window) -> None:
    for item in protobuf.fields(message):
        if item.number == 4:
            found.tags.append(item.window.text())
        elif item.number == 5:
            found.version = item.window.text()


def _collection(found: MetaGraph, message: Window) -> None:
    """A collection of variables: each is a message whose first field is the variable's name."""
    key, value = _pair(message)
    if key != _TRAINABLE or value is None:
        return
    for kind in protobuf.fields(value):
        if kind.number != 2:  # a list of bytes
            continue
        for item in protobuf.fields(kind.window):
            name = next((p.window.text() for p in protobuf.fields(item.window) if p.number == 1), "")
            found.trainable.add(base_name(name))


def _pair(message: Window) -> tuple[str, Window | None]:
    """Return key and value of an entry of a map."""
    fields = {item.number: item.window for item in protobuf.fields(message)}
    return (fields[1].text() if 1 in fields else ""), fields.get(2)


def _signature(message: Window) -> Signature:
    name, value = _pair(message)
    rows: dict[int, list[TensorInfo]] = {1: [], 2: []}
    method = ""
    for item in protobuf.fields(value) if value is not None else ():
        if item.number in rows:
            rows[item.number].append(_tensor_info(item.window))
        elif item.number == 3:
            method = item.window.text()
    return Signature(name, method, tuple(sorted(rows[1])), tuple(sorted(rows[2])))


def _tensor_info(message: Window) -> TensorInfo:
    name, value = _pair(message)
    tensor, dtype, axes = "", "", None
    for item in protobuf.fields(value) if value is not None else ():
        if item.number == 1 and item.wire == protobuf.BYTES:
            tensor = item.window.text()
        elif item.number == 2:
            dtype = dtype_name(item.signed)
        elif item.number == 3:
            axes = axes_of(item.window)
    return name, tensor, dtype, axes


def dtype_name(number: int) -> str:
    """Return the logical dtype of a number of TensorFlow's, ``""`` where there is none."""
    found = data_type(number)
    return found.dtype if found is not None else ""


def axes_of(message: Window) -> tuple[int, ...] | None:
    """Return a shape with -1 for axes of any length, ``None`` for any rank."""
    whole = shape_of(message)
    if whole is not None:
        return whole
    axes: list[int] = []
    for item in protobuf.fields(message):
        if item.number == 3 and item.value:
            return None
        if item.number == 2:
            axes.append(next((p.signed for p in protobuf.fields(item.window) if p.number == 1), 0))
    return tuple(max(axis, -1) for axis in axes)


def _objects(found: MetaGraph, message: Window) -> None:
    nodes = (item.window for item in protobuf.fields(message) if item.number == 1)
    for number, node in enumerate(nodes):
        for item in protobuf.fields(node):
            if item.number == _VARIABLE:
                name, trained = "", False
                for part in protobuf.fields(item.window):
                    if part.number == 3:
                        trained = bool(part.value)
                    elif part.number == 6:
                        name = part.window.text()
                found.variables[number] = (name, trained)
