"""ONNX: ``.onnx`` models, alone or as a folder with the files of their external data, read without the onnx package.

Kept: every tensor, wherever it stands (initializers, attributes of nodes, sub-graphs, functions, training, sparse), in
place where its values are raw or of four or eight bytes, and every list of numbers or texts that is data: those of
``ai.onnx.ml`` (trees, coefficients, support vectors, scalers, labels), values of ``Constant``, vocabularies, and what
is too long for a setting. An initializer has its own name where no other has it, else its path; the value of an
attribute is ``<node>.<attribute>``. The graph without the large values of tensors is the topology, lists of nodes are
in it; inputs, outputs, metadata. Types of less than a byte stay packed. Whole numbers are constants unless an operator
counts with them in place of weights; running means and variances are buffers.

Layout: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Refused: external data outside the folder, data types
that are not known. Large integers that a file keeps as numbers of variable length are also in the native bytes.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

CONVERTER = FormatPackage(
    __name__,
    name="onnx",
    title="ONNX models (.onnx, with external data)",
    suffixes=(".onnx", ".ort"),
    card=Card(
        family="ONNX",
        kept="all tensors of graph, sub-graphs and functions; learned numbers in attributes (trees, coefficients); the "
        "graph; inputs, outputs, operator sets, metadata",
        not_kept="nothing. Refused: external data outside the folder",
        restore="byte for byte without onnx",
    ),
)
