"""A model of LightGBM is known by its first two lines: ``tree``, and the version or the number of classes."""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.lightgbm import begins_as_model
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.converters.lightgbm import TITLE


def detect(source: Source) -> Detection | None:
    """Recognise a model by its first two lines."""
    if len(source.files) != 1:
        return None
    return Detection(95, TITLE) if begins_as_model(first_bytes(source.files[0].path, 64)) else None
