"""A model of XGBoost is known by the first members of its document, in JSON or UBJSON, or by the old format's head."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.converters._shared.xgboost import Form, form_of
from candle_spec.converters.xgboost import TITLES

_HEAD: Final = 65536


def detect(source: Source) -> Detection | None:
    """Recognise a model by the first members of its document."""
    form = native_form(source)
    return Detection(95 if form == "ubj" else 90, TITLES[form]) if form else None


def native_form(source: Source) -> Form:
    """Return the form of a model, ``""`` where the file holds none."""
    return form_of(first_bytes(source.files[0].path, _HEAD)) if len(source.files) == 1 else ""
