"""TensorFlow checkpoints of the second version: ``PREFIX.index`` with its shards ``PREFIX.data-0000k-of-0000n``.

Written by ``tf.train.Checkpoint``, ``save_weights`` of Keras 2 and ``tf.compat.v1.train.Saver``; layouts in
``candle_spec.readers.tensor_bundle``. Kept: every tensor under its native key (with the variable's full name as its
label), put together where it is kept in pieces; the object graph; of TensorFlow 1, ``PREFIX.meta``, the graph, with
its large constants as tensors. All checksums are compared. A variable that is filed under the optimizer, but belongs
to the model, is in the group of the model.

Only in the native bytes: values of running objects (tables, iterators), the text file ``checkpoint``. Refused:
several checkpoints in one folder where ``checkpoint`` does not say which is meant.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

TITLE: Final = "TensorFlow checkpoint"

CONVERTER = FormatPackage(
    __name__,
    name="tensorflow_checkpoint",
    title="TensorFlow checkpoint (.index with .data shards)",
    suffixes=(".index",),
    card=Card(
        family="TensorFlow",
        kept="all tensors with variables' names, pieces joined, the object graph; of TensorFlow 1 the graph (.meta)",
        not_kept="state of tables and iterators. Refused: several checkpoints in one folder, unless one is the newest",
        restore="byte for byte without TensorFlow",
    ),
)
