"""TensorFlow checkpoints of the first version: one file, ``PREFIX``, written before TensorFlow 1.0 and on demand since.

Layout: see :mod:`candle_spec.converters.tensorflow_version_1.table`. Kept: every tensor under its variable's name, put
together where it is kept in pieces; ``PREFIX.meta``, the graph, with its large constants as tensors. Refused:
checkpoints in several shards, several checkpoints in one folder.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

TITLE: Final = "TensorFlow checkpoint, version 1"

CONVERTER = FormatPackage(
    __name__,
    name="tensorflow_version_1",
    title="TensorFlow checkpoint of the first version (one file)",
    suffixes=(),
    card=Card(
        family="TensorFlow",
        kept="all tensors by their variables' names, pieces joined, the graph (.meta)",
        not_kept="nothing but the table's own structure. Refused: checkpoints in several shards",
        restore="byte for byte without TensorFlow",
    ),
)
