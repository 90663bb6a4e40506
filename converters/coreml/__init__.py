"""Core ML: ``.mlpackage`` folders and single ``.mlmodel`` files. The files themselves are the model: the payload.

The arrays of ``weights/weight.bin`` are given as the derived group as well, in place, as ``blob_000``, … in their order
(their names stand in the program, which is not read), so that models can be compared. So are the numbers of trees,
linear models, support vector machines, scalers and imputers, which stand in the model's message, by its fields' names.

Layouts: https://apple.github.io/coremltools/mlmodel/Format/Model.html, and for the weights
https://github.com/apple/coremltools/blob/main/mlmodel/src/MILBlob/Blob/StorageFormat.hpp.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

MANIFEST: Final = "Manifest.json"
"""Name of the file that lists what is in a package."""

CONVERTER = FormatPackage(
    __name__,
    name="coreml",
    title="Core ML models (.mlpackage, .mlmodel)",
    suffixes=(".mlmodel",),
    card=Card(
        family="Core ML",
        kept="the files, which are the model; the arrays of its file of weights; trees, coefficients, support vectors",
        not_kept="as arrays: layers of neural networks of before 2021, names of weights; the payload has them",
        restore="byte for byte",
    ),
)
