"""What a SavedModel says that the manifest has a place for: the signature that serving uses, Keras 2's own metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from candle_spec.conversion.contract import Field, NativeFile, SideFile
from candle_spec.converters._shared.documents import mapping
from candle_spec.converters._shared.keras.architecture import parse_json
from candle_spec.converters._shared.keras.fields import architecture_fields, training_fields
from candle_spec.converters._shared.tensorflow.fields import port_fields
from candle_spec.converters._shared.tensorflow.meta_graph import MetaGraph, Signature
from candle_spec.readers import protobuf

KERAS_METADATA: Final = "keras_metadata.pb"
_DEFAULT: Final = "serving_default"
_LONGEST: Final = 200


def signature_fields(found: MetaGraph, file: str) -> Iterator[Field]:
    """Yield the inputs and outputs of the signature that serving uses, or of the only one."""
    named = [signature for signature in found.signatures.values() if signature.outputs and _callable(signature)]
    chosen = found.signatures.get(_DEFAULT) or (named[0] if len(named) == 1 else None)
    if chosen is not None:
        place = f"{file}: signature {chosen.name}"[:_LONGEST]
        rows = [[(name, dtype, axes) for name, _, dtype, axes in side] for side in (chosen.inputs, chosen.outputs)]
        yield from port_fields(rows[0], rows[1], place)


def _callable(signature: Signature) -> bool:
    return not signature.name.startswith("__")


def keras_metadata(file: NativeFile) -> tuple[list[SideFile], list[Field], Mapping[str, Any]]:
    """Return what Keras 2 says of its model in ``keras_metadata.pb``: its architecture as a file, fields, document."""
    root: dict[str, Any] = {}
    with protobuf.open_message(file.path) as message:
        for item in protobuf.fields(message):
            node = {part.number: part for part in protobuf.fields(item.window)} if item.number == 1 else {}
            if 5 in node and 3 in node and node[3].window.text() == "root":
                data = node[5].window.bytes()
                root = dict(mapping(parse_json(data, f"{file.name}: root")))
    if not isinstance(root.get("config"), dict) or "class_name" not in root:
        return [], [], {}
    document = {"class_name": root["class_name"], "config": root["config"]}
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=True).encode("utf-8", "surrogatepass")
    path = "topology/model.json"
    fields = [found for found in architecture_fields(document, path, file.name) if found.pointer != "/inputs"]
    fields = [found for found in fields if found.pointer not in ("/outputs", "/model/topology")]
    compiled = mapping(root.get("training_config"))
    fields += training_fields(compiled, f"{file.name}: training_config")
    return [SideFile(path, text, "application/json", "topology")], fields, document
