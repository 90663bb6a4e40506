"""XGBoost: models as JSON or UBJSON, read without xgboost.

Layout: see :mod:`candle_spec.converters._xgboost_document`. The document is the model and is kept verbatim; its
arrays are put beside it. ``save_model`` writes UBJSON under every ending but ``.json``, so the content decides. Kept
as fields: features, objective, attributes, parameters, and how to predict after early stopping. Refused: the binary
format that XGBoost wrote before 1.6 and no longer reads, arrays that are not as long as stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.converters._xgboost_document import Form, form_of

TITLES: Final = {
    "json": "XGBoost model (JSON)",
    "ubj": "XGBoost model (UBJSON)",
    "binary": "XGBoost model (old binary format)",
}
_HEAD: Final = 65536


class XGBoost:
    """The converter of XGBoost's models."""

    name = "xgboost"
    title = "XGBoost (models as JSON and UBJSON)"
    suffixes: Sequence[str] = (".json", ".ubj", ".model", ".xgb")
    card = Card(
        family="XGBoost",
        kept="the document as it is, which is the model; its arrays; features, objective, attributes, parameters",
        not_kept="what the Python wrapper knows besides (classes). Refused: the binary format of before 1.6",
        restore="byte for byte without XGBoost",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise a model by the first members of its document."""
        form = native_form(source)
        return Detection(95 if form == "ubj" else 90, TITLES[form]) if form else None

    def read(self, source: Source) -> Native:
        """Read the model; see :class:`candle_spec.conversion.contract.Converter`."""
        from candle_spec.converters._xgboost_reading import read

        return read(source)


def native_form(source: Source) -> Form:
    """Return the form of a model, ``""`` where the file holds none."""
    if len(source.files) != 1:
        return ""
    with source.files[0].path.open("rb") as opened:
        return form_of(opened.read(_HEAD))


CONVERTER = XGBoost()
