"""Small checkpoints of TensorFlow Lite, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.small import ARRAY


def model(folder: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    call = tf.function(lambda x: x @ tf.constant(ARRAY), [tf.TensorSpec((1, 4))]).get_concrete_function()
    (folder / "m").write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([call], module).convert())


FUZZED = {"tflite": ("m", model)}
