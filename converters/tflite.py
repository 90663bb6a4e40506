"""TensorFlow Lite: ``.tflite``, a FlatBuffer. The file itself is the model: it is kept as the payload.

Its constant tensors are given as the derived group as well, in place, under the names of the graph, quantised ones as
their integers with scale and zero point as attributes, so that models can be compared.

Layout: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs. Only in
the payload: operators, metadata, tensors of strings and of dtypes that safetensors lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.converters import _look as look

MAGIC: Final = b"TFL3"


class TFLite:
    """The converter of TensorFlow Lite models."""

    name = "tflite"
    title = "TensorFlow Lite models (.tflite)"
    suffixes: Sequence[str] = (".tflite", ".lite")
    card = Card(
        family="TensorFlow",
        kept="the file, which is the model; its constant tensors as arrays; inputs and outputs",
        not_kept="nothing: operators and metadata are in the payload",
        restore="byte for byte",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the identifier of the FlatBuffer."""
        if len(source.files) != 1 or not source.path.is_file():
            return None
        return Detection(90, "TensorFlow Lite model") if look.head(source.path, 8)[4:] == MAGIC else None

    def read(self, source: Source) -> Native:
        """Read the tables.

        Raises:
            CorruptFileError: An offset leads out of the file.
            UnsupportedFormatError: The schema is of another version.
        """
        from candle_spec.converters._tflite_reading import read

        return read(source)


CONVERTER = TFLite()
