"""A package of Core ML is known by the items in its manifest, a single model by the first fields of its message."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared.source_files import file_named, first_bytes
from candle_spec.converters.coreml import MANIFEST
from candle_spec.errors import CandleSpecError

_NEWEST: Final = 20
_KINDS: Final = range(200, 3001)
"""Numbers of the fields that hold the model itself."""


def detect(source: Source) -> Detection | None:
    """Recognise a package by its manifest, a single file by the fields of its message."""
    if source.path.is_dir():
        manifest = file_named(source, MANIFEST)
        if manifest is None or b"itemInfoEntries" not in first_bytes(manifest.path, 4096):
            return None
        return Detection(95, "Core ML package")
    if len(source.files) == 1 and first_bytes(source.path, 1) == b"\x08" and _is_model(source.files[0]):
        return Detection(70, "Core ML model")
    return None


def _is_model(file: NativeFile) -> bool:
    """Whether a message has a version, a description and one model, in this order."""
    from candle_spec.readers import protobuf

    try:
        with protobuf.open_message(file.path) as message:
            found = [
                (field.number, field.wire, field.value)
                for _, field in zip(range(6), protobuf.fields(message), strict=False)
            ]
    except CandleSpecError:
        return False
    if len(found) < 3 or found[0][:2] != (1, protobuf.VARINT) or not 0 < found[0][2] <= _NEWEST:
        return False
    return found[1][:2] == (2, protobuf.BYTES) and any(n in _KINDS and w == protobuf.BYTES for n, w, _ in found[2:])
