"""A model of XGBoost as a checkpoint: its document is the payload, its arrays are put beside it."""

from __future__ import annotations

from candle_spec.conversion.contract import Native, Source
from candle_spec.converters._shared.boosters import native_of
from candle_spec.converters._shared.xgboost.model import xgboost_booster
from candle_spec.converters.xgboost import TITLES
from candle_spec.converters.xgboost.detect import native_form
from candle_spec.readers.protobuf import open_message
from candle_spec.weights.sources import FileBytes


def read(source: Source) -> Native:
    """Read the model; see :class:`candle_spec.conversion.contract.Converter`."""
    file = source.files[0]
    form = native_form(source)
    with open_message(file.path) as window:
        booster = xgboost_booster(window.data, file.name, stored=FileBytes(file.path, 0, file.size))
    return native_of(source, booster, form, TITLES[form])
