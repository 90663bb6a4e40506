"""TensorFlow Lite: ``.tflite``, a FlatBuffer. The file itself is the model: it is kept as the payload.

Its constant tensors are given as the derived group as well, in place, under the names of the graph, quantised ones as
their integers with scale and zero point as attributes, so that models can be compared.

Layout: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs. Only in
the payload: operators, metadata, tensors of strings and of dtypes that safetensors lacks.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

IDENTIFIER: Final = b"TFL3"
"""What stands in the FlatBuffer behind the position of its root."""

CONVERTER = FormatPackage(
    __name__,
    name="tflite",
    title="TensorFlow Lite models (.tflite)",
    suffixes=(".tflite", ".lite"),
    card=Card(
        family="TensorFlow",
        kept="the file, which is the model; its constant tensors as arrays; inputs and outputs",
        not_kept="nothing: operators and metadata are in the payload",
        restore="byte for byte",
    ),
)
