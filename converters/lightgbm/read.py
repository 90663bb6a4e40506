"""A model of LightGBM as a checkpoint: its text is the payload, its trees are put beside it as arrays."""

from __future__ import annotations

from candle_spec.conversion.contract import Native, Source
from candle_spec.converters._shared.boosters import native_of
from candle_spec.converters._shared.lightgbm.model import lightgbm_booster
from candle_spec.converters.lightgbm import TITLE
from candle_spec.readers.protobuf import open_message
from candle_spec.weights.sources import FileBytes


def read(source: Source) -> Native:
    """Read the model; see :class:`candle_spec.conversion.contract.Converter`."""
    file = source.files[0]
    with open_message(file.path) as window:
        booster = lightgbm_booster(window, file.name, stored=FileBytes(file.path, 0, file.size))
    return native_of(source, booster, "text", TITLE)
