"""A frozen graph as a checkpoint: its constants become tensors, the graph without them the topology."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from candle_spec.conversion.contract import Field, Native, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.tensorflow.constants import Value
from candle_spec.converters._shared.tensorflow.fields import port_fields
from candle_spec.converters._shared.tensorflow.graph import VARIABLE_OPS, Graph, operations_tree
from candle_spec.converters._shared.tensorflow.graph_tensors import GROUP, GraphTensors, graph_tensors, topology_of
from candle_spec.converters._shared.tensorflow.meta_graph import MetaGraph, axes_of, dtype_name, note_risks
from candle_spec.converters.tensorflow_graph import TITLE
from candle_spec.converters.tensorflow_graph.detect import form_of
from candle_spec.errors import CorruptFileError, MissingPartError, UnsupportedFormatError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import open_message
from candle_spec.weights import state_tree

_FLOATING: Final = frozenset({"F16", "BF16", "F32", "F64", "C64", "C128", "F8_E4M3", "F8_E5M2"})
_NO_RESULT: Final = frozenset({"Const", "HostConst", "NoOp", "Assert", "Placeholder", "PlaceholderWithDefault"})
_MOST_OUTPUTS: Final = 20


def read(source: Source) -> Native:
    """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
    if form_of(source) != "binary":
        hint = "write it with tf.io.write_graph(…, as_text=False)"
        message = "this is no binary TensorFlow graph"
        raise UnsupportedFormatError(message, location=str(source.path), hint=hint)
    file = source.files[0]
    graph = Graph()
    with open_message(file.path) as window:
        graph.add(window)
        found = graph_tensors([("", graph)], file, _group)
        topology = topology_of(file, window, found)
        ports = list(_ports(graph, file.name))
    _check(source, graph, found)
    native = Native(_format(graph, file.name), source, weights_metadata={"format": "tf"})
    native.tensors, native.groups, native.side_files = found.tensors, found.groups, [topology.file]
    native.state = _state(graph, found)
    kind = Field("/model/topology", [{"kind": "other", "path": topology.file.path}], "file", file.name)
    native.fields = [infer_name(source), kind, *ports]
    native.parts = [
        *found.parts(),
        topology.part("the graph without its constants, which are stored as tensors"),
        Part("optimizer", "absent", "a frozen graph has none"),
    ]
    note_risks(native, [MetaGraph(graph=graph)], topology.file.path)
    return native


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
    return NativeFormat("tensorflow_graph", "frozen", TITLE, "tensorflow", evidence=(evidence[:500],))


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
            ("operations", operations_tree(graph)),
            ("constants", state_tree.mapping(constants)),
        ]
    )
