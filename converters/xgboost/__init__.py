"""XGBoost: models as JSON or UBJSON, read without xgboost.

Layout: see :mod:`candle_spec.converters._shared.xgboost.document`. The document is the model and is kept verbatim; its
arrays are put beside it. ``save_model`` writes UBJSON under every ending but ``.json``, so the content decides. Kept
as fields: features, objective, attributes, parameters, and how to predict after early stopping. Refused: the binary
format that XGBoost wrote before 1.6 and no longer reads, arrays that are not as long as stated.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

TITLES: Final = {
    "json": "XGBoost model (JSON)",
    "ubj": "XGBoost model (UBJSON)",
    "binary": "XGBoost model (old binary format)",
}

CONVERTER = FormatPackage(
    __name__,
    name="xgboost",
    title="XGBoost (models as JSON and UBJSON)",
    suffixes=(".json", ".ubj", ".model", ".xgb"),
    card=Card(
        family="XGBoost",
        kept="the document as it is, which is the model; its arrays; features, objective, attributes, parameters",
        not_kept="what the Python wrapper knows besides (classes). Refused: the binary format of before 1.6",
        restore="byte for byte without XGBoost",
    ),
)
