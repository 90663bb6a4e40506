"""A model of ONNX is known by the fields of its message, all of which are walked, and by those of the graph in it.

A folder is one model where all other files are texts or hold the values of its tensors.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.errors import CandleSpecError

_TEXTS: Final = (".json", ".txt", ".md", ".yaml", ".yml", ".csv")
_FIELDS: Final = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
"""Numbers of the fields of a model."""


def detect(source: Source) -> Detection | None:
    """Recognise a model by the fields of its message, a folder by one model whose data are in the others."""
    if len(source.files) == 1 and not source.path.is_dir():
        return _detect(source.files[0])
    models = [file for file in source.files if file.name.endswith(".onnx")]
    if len(models) != 1 or _detect(models[0]) is None:
        return None
    own = _belonging(models[0])
    rest = [f for f in source.files if f is not models[0] and f.name not in own and not f.name.endswith(_TEXTS)]
    return None if rest else Detection(92 if own else 80, "ONNX model with external data" if own else "ONNX model")


def _detect(file: NativeFile) -> Detection | None:
    head = first_bytes(file.path, 3)
    if len(head) < 3 or head[0] != 0x08 or not 0 < head[1] < 0x20:
        return None
    from candle_spec.readers import protobuf

    found: set[int] = set()
    try:
        with protobuf.open_message(file.path) as message:
            for item in protobuf.fields(message):
                if item.number not in _FIELDS:
                    return None
                found.add(item.number)
                if item.number == 7:
                    graph = {inner.number for inner in protobuf.fields(item.window)}
                    found |= {107} if graph <= {1, 2, 5, 10, 11, 12, 13, 14, 15, 16} and graph & {1, 5} else set()
    except CandleSpecError:
        # The fields up to where it breaks are those of a model: reading it says what is wrong.
        return Detection(50, "ONNX model") if found & {2, 3, 8} and head[2] in (0x12, 0x22, 0x3A, 0x42) else None
    return Detection(85, "ONNX model") if 107 in found else None


def _belonging(model: NativeFile) -> set[str]:
    """Return the names of the files in which a model says its values are."""
    from candle_spec.converters.onnx.graph import read_model
    from candle_spec.converters.onnx.tensors import external_names
    from candle_spec.readers import protobuf

    folder = model.name.rpartition("/")[0]
    with protobuf.open_message(model.path) as message:
        try:
            names = external_names(read_model(message).tensors)
        except CandleSpecError:
            return set()
    return {f"{folder}/{name}" if folder else name for name in names}
