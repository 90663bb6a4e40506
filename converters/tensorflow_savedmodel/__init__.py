"""TensorFlow SavedModel: a folder with ``saved_model.pb``, ``variables/``, ``assets/``, read without TensorFlow.

Written by ``tf.saved_model.save``, ``model.export`` of Keras 3, ``model.save`` of Keras 2 and the builders of
TensorFlow 1. Layout: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/python/saved_model. Kept: every
variable under its native key, constants of 1 KiB and more, signatures as inputs and outputs, assets, the
architecture that Keras 2 adds; ``saved_model.pb`` itself as topology, once. Nothing of the graph is run: operations
that touch files or call Python are named in ``security``.

Refused: the text form ``saved_model.pbtxt``, the form in chunks ``saved_model.cpb``.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

TITLE: Final = "TensorFlow SavedModel"

MODEL: Final = "saved_model.pb"

CONVERTER = FormatPackage(
    __name__,
    name="tensorflow_savedmodel",
    title="TensorFlow SavedModel (folder)",
    suffixes=(".pb",),
    card=Card(
        family="TensorFlow",
        kept="all variables, large constants, signatures, assets, the graph, the architecture of Keras 2",
        not_kept="Python code that the graph calls. Refused: saved_model.pbtxt, saved_model.cpb",
        restore="byte for byte without TensorFlow",
    ),
)
