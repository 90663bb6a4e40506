"""How :mod:`candle_spec.converters.tflite` is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared import look

MAGIC: Final = b"TFL3"


def detect(source: Source) -> Detection | None:
    """Recognise the identifier of the FlatBuffer."""
    if len(source.files) != 1 or not source.path.is_file():
        return None
    return Detection(90, "TensorFlow Lite model") if look.head(source.path, 8)[4:] == MAGIC else None
