"""A model of ONNX as a checkpoint: tensors are found wherever they stand, the graph without their values is kept."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import EmbeddedCode, Field, Group, Native, NativeFile, Part, SideFile, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.protobuf_skeleton import skeleton
from candle_spec.converters.onnx import fields
from candle_spec.converters.onnx.graph import Model, read_model
from candle_spec.converters.onnx.tensors import Reader
from candle_spec.errors import InvalidInputError, UnsupportedFormatError
from candle_spec.readers import protobuf
from candle_spec.weights.sources import Bytes, total_size

SKELETON: Final = "topology/model.onnx"
_SKELETON_BYTES: Final = 64 << 20


def read(source: Source) -> Native:
    """Read the graph; no values are read but small ones.

    Raises:
        CorruptFileError: The message is damaged, or a tensor does not fit its shape.
        MissingPartError: A file of external data is not there.
        UnsafeContentError: External data lie outside the folder.
    """
    models = [file for file in source.files if file.name.endswith(".onnx")] or list(source.files)
    if len(source.files) > 1 and len(models) != 1:
        raise InvalidInputError(f"{len(models)} ONNX models lie here", location=str(source.path), hint="name one")
    with protobuf.open_message(models[0].path) as message:
        return _native(source, models[0], message, read_model(message))


def _native(source: Source, file: NativeFile, message: protobuf.Window, model: Model) -> Native:
    reader = Reader(file, {each.name: each for each in source.files})
    native = Native(fields.format_of(model), source, weights_metadata={"format": "np"})
    removed: list[protobuf.Field] = []
    for place in model.tensors:
        tensor, large = reader.read(place, "model")
        native.tensors.append(tensor)
        removed += large
    if not native.tensors:
        raise UnsupportedFormatError(
            "the model holds no tensors, and no lists that were learned",
            location=str(file.path),
            hint="it computes only",
        )
    native.groups = [Group("model", "model")]
    native.fields = [infer_name(source, fields.names_of(model)), *fields.fields_of(model)]
    size = total_size(native.tensors)
    native.parts = [Part("model", "kept", "", len(native.tensors), size)]
    _add_topology(native, skeleton(file.path, message, removed))
    path = SKELETON if native.side_files else ""
    native.embedded_code = [
        EmbeddedCode("custom-operator", f"operators of others: {domain}", path) for domain in model.foreign_domains
    ]
    return native


def _add_topology(native: Native, graph: Bytes) -> None:
    if graph.size > _SKELETON_BYTES:
        native.parts.append(Part("topology", "residue", f"a graph of {graph.size} bytes, only in the native bytes"))
        return
    native.side_files.append(SideFile(SKELETON, graph, "application/x-onnx", "topology"))
    native.fields.append(Field("/model/topology", [{"kind": "onnx-graph", "path": SKELETON}], "file", "graph"))
    reason = "the graph with the lists of its nodes, without the values of its tensors"
    native.parts.append(Part("topology", "kept", reason, size=graph.size))
