"""The tensors of TensorFlow's files as TensorFlow reads them: the reference for conversions.

Variables go through ``tf.train.load_checkpoint``; constants of graphs through ``tf.make_ndarray``. Nothing is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

LARGE = 1024
"""Bytes from which a constant beside variables is stored as a tensor."""


def expected(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of a checkpoint's folder, a SavedModel or a frozen graph by the names of the conversion.

    Large constants of a SavedModel that are repeated, or strings of its saver, are left out, as they are there.
    """
    import tensorflow as tf

    if path.is_file():
        return dict(_constants(tf.compat.v1.GraphDef.FromString(path.read_bytes())))
    model = path / "saved_model.pb"
    if not model.exists():
        (index,) = path.glob("*.index")
        return _variables(str(index).removesuffix(".index"))
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    graphs = SavedModel.FromString(model.read_bytes()).meta_graphs
    found = {} if len(graphs) > 1 else _constants(graphs[0].graph_def, written=True)
    large = {name: array for name, array in found.items() if array.dtype != object and array.nbytes >= LARGE}
    return {**large, **_variables(str(path / "variables" / "variables"))}


def _variables(prefix: str) -> dict[str, np.ndarray[Any, Any]]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(prefix)
    arrays = {name: np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}
    return {name: array for name, array in arrays.items() if array.dtype.kind not in "OS"}


def _constants(graph: Any, *, written: bool = False) -> dict[str, np.ndarray[Any, Any]]:
    """Return constants by their nodes' names; ``written`` leaves out those whose last value is repeated."""
    import tensorflow as tf

    nodes = [("", node) for node in graph.node]
    nodes += [(f"{f.signature.name}:", node) for f in graph.library.function for node in f.node_def]
    found: dict[str, np.ndarray[Any, Any]] = {}
    for at, node in nodes:
        if node.op == "Const":
            proto = node.attr["value"].tensor
            if proto.tensor_content or not written:
                found[at + node.name] = tf.make_ndarray(proto)
    return found
