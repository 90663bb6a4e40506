"""Small checkpoints of TensorFlow, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.small import ARRAY


def bundle(folder: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable(ARRAY, name="kernel")
    module.names = tf.Variable(["a", "bc"], name="names")
    tf.train.Checkpoint(module=module).write(str(folder / "m"))


FUZZED = {"tensorflow-index": ("m.index", bundle)}
