"""Small checkpoints of TensorFlow, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.small import ARRAY


def saved_model(folder: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable(ARRAY, name="kernel")
    module.__call__ = tf.function(lambda x: x @ module.kernel + tf.constant(ARRAY[0]), [tf.TensorSpec((None, 4))])
    tf.saved_model.save(module, str(folder))


FUZZED = {"saved-model": ("saved_model.pb", saved_model)}
