"""LightGBM: models as text, read without lightgbm.

Layout: see :mod:`candle_spec.converters._lightgbm_text`. The text is the model and is kept verbatim; the trees are
put beside it as arrays. Kept as fields: features, objective, parameters, pandas' categories. Refused: texts that were
cut off or whose line ends were changed, arrays that are not as long as stated, words that are no numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.converters._lightgbm_text import starts_like_one

TITLE = "LightGBM text model"


class LightGBM:
    """The converter of LightGBM's texts."""

    name = "lightgbm"
    title = "LightGBM (models as text)"
    suffixes: Sequence[str] = (".txt", ".lgb", ".model")
    card = Card(
        family="LightGBM",
        kept="the model's text as it is, which is the model; its trees as arrays; features, objective, parameters",
        not_kept="what the Python wrapper knows besides (classes, label encoder)",
        restore="byte for byte without LightGBM",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise a model by its first two lines."""
        if len(source.files) != 1:
            return None
        with source.files[0].path.open("rb") as opened:
            return Detection(95, TITLE) if starts_like_one(opened.read(64)) else None

    def read(self, source: Source) -> Native:
        """Read the model; see :class:`candle_spec.conversion.contract.Converter`."""
        from candle_spec.converters._lightgbm_reading import read

        return read(source)


CONVERTER = LightGBM()
