"""A model of TensorFlow Lite is known by the identifier of its FlatBuffer."""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.source_files import first_bytes, only_file
from candle_spec.converters.tflite import IDENTIFIER


def detect(source: Source) -> Detection | None:
    """Recognise the identifier of the FlatBuffer."""
    file = only_file(source)
    known = file is not None and first_bytes(file.path, 8)[4:] == IDENTIFIER
    return Detection(90, "TensorFlow Lite model") if known else None
