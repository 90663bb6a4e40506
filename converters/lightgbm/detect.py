"""How :mod:`candle_spec.converters.lightgbm` is recognised."""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.lightgbm.text import starts_like_one

TITLE = "LightGBM text model"


def detect(source: Source) -> Detection | None:
    """Recognise a model by its first two lines."""
    if len(source.files) != 1:
        return None
    with source.files[0].path.open("rb") as opened:
        return Detection(95, TITLE) if starts_like_one(opened.read(64)) else None
