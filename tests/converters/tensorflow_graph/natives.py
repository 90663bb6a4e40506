"""Small checkpoints of TensorFlow, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.small import ARRAY


def frozen(folder: Path) -> None:
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        tf.constant(ARRAY, name="w") @ tf.ones((6, 2), name="ones")
        (folder / "m").write_bytes(graph.as_graph_def().SerializeToString())


FUZZED = {"frozen-graph": ("m", frozen)}
