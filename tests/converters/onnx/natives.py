"""Small checkpoints of ONNX, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.onnx_models import learned_model, scaled_forest
from tests.helpers.native.small import ARRAY


def model(folder: Path) -> None:
    import onnx
    from onnx import helper, numpy_helper

    weights = [numpy_helper.from_array(ARRAY, "w"), helper.make_tensor("h", onnx.TensorProto.FLOAT16, [2], [1.0, 2.0])]
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 4])
    output = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 6])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [value], [output], weights)
    onnx.save(helper.make_model(graph), folder / "m")


def forest(folder: Path) -> None:
    import onnx

    onnx.save(learned_model(scaled_forest()), folder / "m")


FUZZED = {"onnx": ("m", model), "onnx-forest": ("m", forest)}
