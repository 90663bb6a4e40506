"""A model of XGBoost: JSON, UBJSON, or the snapshot that a pickle holds."""

from __future__ import annotations

from candle_spec.converters._boosters import Booster
from candle_spec.errors import UnsupportedFormatError


def xgboost_booster(data: bytes, location: str, *, key: str = "") -> Booster:
    """Read a model of XGBoost."""
    raise UnsupportedFormatError("not yet", location=location)
