"""Models of ONNX: with a matrix, and with learned numbers in attributes of nodes, as other libraries write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

W = np.arange(24, dtype="f4").reshape(4, 6)

TREES: dict[str, Any] = {
    "n_targets": 1,
    "nodes_treeids": [0, 0, 0],
    "nodes_nodeids": [0, 1, 2],
    "nodes_featureids": [1, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_values": [0.25, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
    "nodes_hitrates": [1.0, 1.0, 1.0],
    "nodes_missing_value_tracks_true": [0, 0, 0],
    "target_treeids": [0, 0],
    "target_nodeids": [1, 2],
    "target_ids": [0, 0],
    "target_weights": [-1.25, 4.75],
}
"""One tree of two leaves: ``x[1] <= 0.25``."""


def learned(operator: str, name: str = "", inputs: Sequence[str] = ("x",), output: str = "y", **attributes: Any) -> Any:
    """Return a node of the domain of learned models."""
    from onnx import helper

    return helper.make_node(operator, list(inputs), [output], name=name, domain="ai.onnx.ml", **attributes)


def forest(**changed: Any) -> Any:
    """Return the node of one tree."""
    return learned("TreeEnsembleRegressor", inputs=["scaled"], **{**TREES, **changed})


def scaled_forest(**changed: Any) -> list[Any]:
    """Return the nodes of a scaler and a tree behind it."""
    return [learned("Scaler", output="scaled", offset=[0.5, 1.5], scale=[2.0, 3.0]), forest(**changed)]


def learned_model(nodes: Sequence[Any], initializers: Sequence[Any] = (), *, functions: Sequence[Any] = ()) -> Any:
    """Return a model of nodes from ``x`` to ``y``."""
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph(list(nodes), "learned", [x], [y], list(initializers))
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, producer_name="tests", functions=list(functions))


def dense_model(*initializers: Any, nodes: Any = None, **more: Any) -> Any:
    """Return a model with the matrix ``w``, by which ``x`` is multiplied unless ``nodes`` do something else."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = nodes or [helper.make_node("MatMul", ["x", "w"], ["y"])]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 6])
    graph = helper.make_graph(nodes, "marker", [x], [y], [numpy_helper.from_array(W, "w"), *initializers], **more)
    return helper.make_model(graph, producer_name="tests", opset_imports=[helper.make_opsetid("", 17)])


def external(folder: Path) -> Path:
    """Write a model whose values are in ``m.data`` beside it."""
    import onnx

    folder.mkdir(parents=True)
    big = onnx.numpy_helper.from_array(np.arange(2000, dtype="f8"), "big")
    made = dense_model(big)
    onnx.save(made, folder / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=100)
    return folder
