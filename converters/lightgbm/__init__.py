"""LightGBM: models as text, read without lightgbm.

Layout: see :mod:`candle_spec.converters._shared.lightgbm.text`. The text is the model and is kept verbatim; the trees
are put beside it as arrays. Kept as fields: features, objective, parameters, pandas' categories. Refused: texts that
were cut off or whose line ends were changed, arrays that are not as long as stated, words that are no numbers.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

TITLE: Final = "LightGBM text model"

CONVERTER = FormatPackage(
    __name__,
    name="lightgbm",
    title="LightGBM (models as text)",
    suffixes=(".txt", ".lgb", ".model"),
    card=Card(
        family="LightGBM",
        kept="the model's text as it is, which is the model; its trees as arrays; features, objective, parameters",
        not_kept="what the Python wrapper knows besides (classes, label encoder)",
        restore="byte for byte without LightGBM",
    ),
)
