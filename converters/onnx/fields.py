"""What an ONNX model says besides its tensors: who made it, inputs and outputs, operator sets, metadata."""

from __future__ import annotations

import re
from typing import Any, Final

from candle_spec import limits
from candle_spec.conversion.contract import Field, NativeFormat
from candle_spec.converters.onnx.graph import Model
from candle_spec.converters.onnx.tensor_proto import text_of
from candle_spec.converters.onnx.types import dtype_name
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window

_IR, _MODEL_VERSION = 1, 5
_PRODUCER, _PRODUCER_VERSION, _DOC = 2, 3, 6
_LINE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def format_of(model: Model) -> NativeFormat:
    """Return what wrote the model."""
    producer = f"{model.texts.get(_PRODUCER, '')} {model.texts.get(_PRODUCER_VERSION, '')}".strip()
    sets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in model.opsets)
    evidence = [f"ir_version {model.numbers.get(_IR, 0)}"]
    evidence += [f"operator sets: {sets}"[:500]] if sets else []
    evidence += [f"producer: {producer}"[:200]] if _LINE.fullmatch(producer[:200]) else []
    return NativeFormat("onnx", f"ir{model.numbers.get(_IR, 0)}", "ONNX model", "onnx", evidence=tuple(evidence))


def names_of(model: Model) -> list[tuple[str, str]]:
    """Return the names that may be the model's: its metadata's, its graph's, unless an exporter made it up."""
    names = [(value, "metadata") for key, value in model.metadata if key in ("name", "model_name")]
    if model.graph is not None:
        graph = next((text_of(item) for item in protobuf.fields(model.graph) if item.number == 2), "")
        made_up = r"(main_|torch[-_]jit|tf2onnx|torch|graph|tf|model|onnx|main)[-_\w]*"
        names += [] if re.fullmatch(made_up, graph, re.IGNORECASE) else [(graph, "name of the graph")]
    return names


def fields_of(model: Model) -> list[Field]:
    """Return the manifest's fields."""
    fields: list[Field] = []
    if model.graph is not None:
        for pointer, number in (("/inputs", 11), ("/outputs", 12)):
            rows = _ends(model, number)
            if rows and len({row["id"] for row in rows}) == len(rows):
                fields.append(Field(pointer, rows, "file", "graph"))
    about = model.texts.get(_DOC, "").strip()
    if about and len(about) < 5000 and about.isprintable():
        fields.append(Field("/description", about, "file", "doc_string"))
    metadata = {key: value for key, value in model.metadata if key and len(value) <= limits.SETTINGS_BYTES // 16}
    if metadata and len(metadata) <= 200:
        fields.append(Field("/training/hyperparameters", {"onnx_metadata": metadata}, "file", "metadata_props"))
    return fields


def _ends(model: Model, number: int) -> list[dict[str, Any]]:
    assert model.graph is not None  # noqa: S101 - read_model refuses a model without a graph
    weights = {place.name for place in model.tensors}
    found = [item.window for item in protobuf.fields(model.graph) if item.number == number]
    rows = [row for window in found if (row := _value_info(window)) is not None]
    # Until version 4 of the format, initializers stood among the inputs.
    return [row for row in rows if row["id"] not in weights]


def _value_info(window: Window) -> dict[str, Any] | None:
    name, kind = "", None
    for item in protobuf.fields(window):
        if item.number == 1:
            name = text_of(item)
        elif item.number == 2:
            kind = next((inner.window for inner in protobuf.fields(item.window) if inner.number == 1), None)
    if kind is None or not _LINE.fullmatch(name):
        return None
    row: dict[str, Any] = {"id": name, "kind": "tensor"}
    for item in protobuf.fields(kind):
        if item.number == 1 and dtype_name(item.value):
            row["dtype"] = dtype_name(item.value)
        elif item.number == 2:
            axes = [_axis(inner.window, index) for index, inner in enumerate(protobuf.fields(item.window))]
            if len(axes) <= limits.TENSOR_RANK:
                row["axes"] = axes
    return row


def _axis(window: Window, index: int) -> dict[str, Any]:
    axis: dict[str, Any] = {"name": f"axis{index}", "size": None}
    for item in protobuf.fields(window):
        if item.number == 1 and item.signed > 0:
            axis["size"] = item.signed
        elif item.number == 2 and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,60}", text := text_of(item)):
            axis["name"] = text
    return axis
