"""Frozen TensorFlow graphs: a ``GraphDef`` (``.pb``) whose weights are constants, read without TensorFlow.

Written by ``convert_variables_to_constants`` and ``tf.io.write_graph``. Layout:
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/graph.proto. Kept: every constant under
its node's name, those of functions as ``function:node``; the graph without them as topology. A constant is one of the
model's weights where it was a variable (an ``Identity`` named after its reading takes it) or holds several floating
point or quantised numbers; all others are in the group ``other.constants``.

Refused: the text form ``.pbtxt``, graphs whose weights are in a checkpoint.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

TITLE: Final = "TensorFlow frozen graph"

CONVERTER = FormatPackage(
    __name__,
    name="tensorflow_graph",
    title="TensorFlow frozen graph (.pb)",
    suffixes=(".pb",),
    card=Card(
        family="TensorFlow",
        kept="all constants by their nodes' names, inputs and outputs, the graph without its constants",
        not_kept="Python code that the graph calls. Refused: graphs as text, graphs whose weights are in a checkpoint",
        restore="byte for byte without TensorFlow",
    ),
)
