"""Frozen TensorFlow graphs: a ``GraphDef`` (``.pb``) whose weights are constants, read without TensorFlow.

Written by ``convert_variables_to_constants`` and ``tf.io.write_graph``. Layout:
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/graph.proto. Kept: every constant under
its node's name, those of functions as ``function:node``; the graph without them as topology. A constant is one of the
model's weights where it was a variable (an ``Identity`` named after its reading takes it) or holds several floating
point or quantised numbers; all others are in the group ``other.constants``.

Refused: the text form ``.pbtxt``, graphs whose weights are in a checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from candle_spec.conversion.contract import Card, Detection, Field, Native, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._tensorflow_constants import Value
from candle_spec.converters._tensorflow_fields import port_fields
from candle_spec.converters._tensorflow_graph import VARIABLE_OPS, Graph, GraphNode, read_node
from candle_spec.converters._tensorflow_graph_tensors import GROUP, GraphTensors, graph_tensors, topology
from candle_spec.converters._tensorflow_saved_model import MetaGraph, axes_of, dtype_name
from candle_spec.errors import CandleSpecError, CorruptFileError, MissingPartError, UnsupportedFormatError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import open_message
from candle_spec.weights import state_tree

_TITLE: Final = "TensorFlow frozen graph"
_OP: Final = re.compile(r"[A-Z_][A-Za-z0-9_>]*\Z")
_MEMBERS: Final = (1, 2, 3, 4, 5)
_FLOATING: Final = frozenset({"F16", "BF16", "F32", "F64", "C64", "C128", "F8_E4M3", "F8_E5M2"})
_NO_RESULT: Final = frozenset({"Const", "HostConst", "NoOp", "Assert", "Placeholder", "PlaceholderWithDefault"})
_TEXT: Final = re.compile(rb"\s*(#[^\n]*\n\s*)*node\s*\{\s*name\s*:")
_MOST_OUTPUTS: Final = 20


class TensorFlowGraph:
    """The converter of frozen graphs."""

    name = "tensorflow_graph"
    title = "TensorFlow frozen graph (.pb)"
    suffixes: Sequence[str] = (".pb",)
    card = Card(
        family="TensorFlow",
        kept="all constants by their nodes' names, inputs and outputs, the graph without its constants",
        not_kept="Python code that the graph calls. Refused: graphs as text, graphs whose weights are in a checkpoint",
        restore="byte for byte without TensorFlow",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the first node by its name and operation."""
        form = _form(source)
        if not form:
            return None
        return Detection(85, _TITLE) if form == "binary" else Detection(40, "TensorFlow graph as text")

    def read(self, source: Source) -> Native:
        """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
        if _form(source) != "binary":
            hint = "write it with tf.io.write_graph(…, as_text=False)"
            message = "this is no binary TensorFlow graph"
            raise UnsupportedFormatError(message, location=str(source.path), hint=hint)
        file = source.files[0]
        graph = Graph()
        with open_message(file.path) as message_window:
            graph.add(message_window)
            found = graph_tensors([("", graph)], file, _group)
            side, whole = topology(file, message_window, found)
            ports = list(_ports(graph, file.name))
        _check(source, graph, found)
        native = Native(_format(graph, file.name), source, weights_metadata={"format": "tf"})
        native.tensors, native.groups, native.side_files = found.tensors, found.groups, [side]
        native.state = _state(graph, found)
        kind = Field("/model/topology", [{"kind": "other", "path": side.path}], "file", file.name)
        native.fields = [infer_name(source), kind, *ports]
        reason = "" if whole else "the graph without its constants, which are stored as tensors"
        native.parts = [
            *found.parts(),
            Part("topology", "kept" if whole else "transformed", reason, size=side.size),
            Part("optimizer", "absent", "a frozen graph has none"),
        ]
        risks = MetaGraph(graph=graph).risks()
        if risks:
            native.embedded_code.append(f"the graph touches files or runs other code: {', '.join(risks)}"[:500])
        return native


def _form(source: Source) -> str:
    if len(source.files) != 1:
        return ""
    with source.files[0].path.open("rb") as opened:
        head = opened.read(512)
    if _TEXT.match(head):
        return "text"
    if not head or head[0] not in (0x0A, 0x12, 0x22):
        return ""
    try:
        with open_message(source.files[0].path) as message:
            for number, item in enumerate(protobuf.fields(message)):
                if item.number == 1 and item.wire == protobuf.BYTES:
                    return "binary" if _is_node(read_node(item.window)) else ""
                if item.number not in _MEMBERS or number > len(_MEMBERS):
                    return ""
    except CandleSpecError:
        return ""
    return ""


def _is_node(node: GraphNode) -> bool:
    return bool(node.name) and node.name.isprintable() and bool(_OP.match(node.op))


def _group(graph: Graph, function: str, name: str, value: Value) -> str:
    """Choose the group of a constant; see the module."""
    if value.attributes or (value.dtype in _FLOATING and value.shape and value.size > 8):
        return "model"
    reads = (f"{name}/read", name.removesuffix("/resource"))
    readers = graph.readers.get(name, ()) if not function else ()
    return "model" if any(op == "Identity" and reader in reads for reader, op in readers) else GROUP


def _check(source: Source, graph: Graph, found: GraphTensors) -> None:
    """Refuse a graph that holds no weights.

    Raises:
        MissingPartError: They are in a checkpoint.
        CorruptFileError: There is nothing in it.
    """
    if any(graph.ops[op] for op in VARIABLE_OPS) and not any(tensor.group == "model" for tensor in found.tensors):
        raise MissingPartError(
            "this graph holds no weights: its variables are in a checkpoint",
            location=str(source.path),
            hint="name the folder with PREFIX.index and PREFIX.data-*, or freeze the graph",
        )
    if not found.tensors:
        raise CorruptFileError("the graph holds no constants", location=str(source.path))


def _format(graph: Graph, name: str) -> NativeFormat:
    evidence = f"{name} is a graph of {graph.nodes} nodes, version {graph.producer}"
    return NativeFormat("tensorflow_graph", "frozen", _TITLE, "tensorflow", evidence=(evidence[:500],))


def _ports(graph: Graph, place: str) -> Iterator[Field]:
    """Yield what is fed, and what comes out: the nodes that nothing takes."""
    inputs = []
    for node in graph.placeholders:
        dtype, shape = node.placeholder.get("dtype"), node.placeholder.get("shape")
        axes = axes_of(shape.window) if shape is not None and shape.wire == protobuf.BYTES else None
        inputs.append((node.name, dtype_name(dtype.signed) if dtype is not None else "", axes))
    outputs = [(name, "", None) for name, op in graph.own if name not in graph.readers and op not in _NO_RESULT]
    yield from port_fields(inputs, outputs if len(outputs) <= _MOST_OUTPUTS else [], place)


def _state(graph: Graph, found: GraphTensors) -> Any:
    text = state_tree.encode_scalar
    constants = [(text(f"{t.group}/{t.name}"), state_tree.tensor(t.group, t.name)) for t in found.tensors]
    return state_tree.mapping(
        [
            ("graph_version", graph.producer),
            ("nodes", graph.nodes),
            ("functions", [text(name) for name in graph.functions]),
            ("operations", state_tree.mapping([(text(op), n) for op, n in sorted(graph.ops.items())])),
            ("constants", state_tree.mapping(constants)),
        ]
    )


CONVERTER = TensorFlowGraph()
