"""Core ML: ``.mlpackage`` folders and single ``.mlmodel`` files. The files themselves are the model: the payload.

The arrays of ``weights/weight.bin`` are given as the derived group as well, in place, as ``blob_000``, … in their order
(their names stand in the program, which is not read), so that models can be compared.

Layouts: https://apple.github.io/coremltools/mlmodel/Format/Model.html, and for the weights
https://github.com/apple/coremltools/blob/main/mlmodel/src/MILBlob/Blob/StorageFormat.hpp.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, Source
from candle_spec.converters import _look as look
from candle_spec.errors import CandleSpecError
from candle_spec.readers import protobuf

MANIFEST: Final = "Manifest.json"
_NEWEST: Final = 20
_KINDS: Final = range(200, 3001)
"""Numbers of the fields that hold the model itself."""


class CoreML:
    """The converter of Core ML models."""

    name = "coreml"
    title = "Core ML models (.mlpackage, .mlmodel)"
    suffixes: Sequence[str] = (".mlmodel",)
    card = Card(
        family="Core ML",
        kept="the files, which are the model; the arrays of its file of weights",
        not_kept="names of the arrays, which stand in the program: it is in the payload",
        restore="byte for byte",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise a package by its manifest, a single file by the fields of its message."""
        if source.path.is_dir():
            manifest = look.file_named(source, MANIFEST)
            if manifest is None or b"itemInfoEntries" not in look.head(manifest.path, 4096):
                return None
            return Detection(95, "Core ML package")
        if len(source.files) == 1 and look.head(source.path, 1) == b"\x08" and _is_model(source.files[0]):
            return Detection(70, "Core ML model")
        return None

    def read(self, source: Source) -> Native:
        """Read what describes the weights.

        Raises:
            CorruptFileError: The manifest or the weights are damaged.
            UnsupportedFormatError: The weights are of another version.
        """
        from candle_spec.converters._coreml_reading import read

        return read(source)


def _is_model(file: NativeFile) -> bool:
    """Whether a message has a version, a description and one model, in this order."""
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


CONVERTER = CoreML()
