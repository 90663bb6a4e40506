"""How :mod:`candle_spec.converters.xgboost` is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.xgboost.document import Form, form_of

TITLES: Final = {
    "json": "XGBoost model (JSON)",
    "ubj": "XGBoost model (UBJSON)",
    "binary": "XGBoost model (old binary format)",
}
_HEAD: Final = 65536


def detect(source: Source) -> Detection | None:
    """Recognise a model by the first members of its document."""
    form = native_form(source)
    return Detection(95 if form == "ubj" else 90, TITLES[form]) if form else None


def native_form(source: Source) -> Form:
    """Return the form of a model, ``""`` where the file holds none."""
    if len(source.files) != 1:
        return ""
    with source.files[0].path.open("rb") as opened:
        return form_of(opened.read(_HEAD))
