"""bioimage.io packages: a folder of ``bioimageio.yaml`` (``rdf.yaml``) with weights in one format or several.

Specification: https://bioimage-io.github.io/spec-bioimage-io/ (models of 0.3, 0.4 and 0.5). A package is usually a zip
file; ``archive`` opens it. Of the weights the first of this order is read: PyTorch state dict, Keras, TorchScript,
TensorFlow, ONNX; the others stay in the native bytes. Stated SHA-256 sums are compared. Authors, license, citation,
axes of inputs and outputs, processing and evaluation fill the manifest; test tensors become samples and, where there is
one of each, a vector for verification. Code of an architecture is kept and not run; files that are only named by URL
are not fetched.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

CONVERTER = FormatPackage(
    __name__,
    name="bioimageio_package",
    title="bioimage.io model packages (bioimageio.yaml, rdf.yaml)",
    suffixes=(),
    card=Card(
        family="bioimage.io",
        kept="weights of one format; authors, license, citation, inputs, outputs; test tensors, code as files",
        not_kept="weights in further formats (only in the native bytes); files that are only named by URL",
        restore="byte for byte, the whole package",
    ),
)
