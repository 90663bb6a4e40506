"""The text of a LightGBM model."""

from __future__ import annotations

from candle_spec.converters._boosters import Booster
from candle_spec.errors import UnsupportedFormatError
from candle_spec.readers.protobuf import Window


def lightgbm_booster(text: bytes | Window, location: str, *, key: str = "") -> Booster:
    """Read the text of a LightGBM model."""
    raise UnsupportedFormatError("not yet", location=location)


