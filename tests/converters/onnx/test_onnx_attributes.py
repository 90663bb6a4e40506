"""Learned numbers that are no initializers: lists of ``ai.onnx.ml``, constants, vocabularies; never settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.onnx import CONVERTER
from tests.helpers.native.onnx_models import TREES, dense_model, forest, learned, learned_model, scaled_forest

SHAPE = helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 1])


def saved(made: onnx.ModelProto, folder: Path) -> Path:
    onnx.save(made, folder / "m.onnx")
    return folder / "m.onnx"


def converted(made: onnx.ModelProto, folder: Path) -> dict[str, Any]:
    return candle_spec.load(convert(saved(made, folder), folder / "x.candle").path).state_dict(framework="numpy")


def names(made: onnx.ModelProto, folder: Path) -> list[str]:
    return [tensor.name for tensor in CONVERTER.read(resolve_source(saved(made, folder))).tensors]


def roles(made: onnx.ModelProto, folder: Path) -> dict[str, str]:
    return {tensor.name: tensor.role for tensor in CONVERTER.read(resolve_source(saved(made, folder))).tensors}


def test_every_list_of_a_forest_is_a_tensor(tmp_path: Path) -> None:
    made = learned_model(scaled_forest(), [SHAPE])
    found = converted(made, tmp_path)
    expected: dict[str, Any] = {f"TreeEnsembleRegressor_1.{name}": value for name, value in TREES.items()}
    del expected["TreeEnsembleRegressor_1.n_targets"]
    expected |= {"Scaler_0.offset": [0.5, 1.5], "Scaler_0.scale": [2.0, 3.0], "shape": [-1, 1]}
    assert {name: array.tolist() for name, array in found.items()} == expected
    kinds = {name.rpartition(".")[2]: array.dtype.str for name, array in found.items()}
    assert (kinds["nodes_values"], kinds["nodes_treeids"]) == ("<f4", "<i8")


def test_the_graph_stays_as_it_is_and_the_file_comes_back(tmp_path: Path) -> None:
    native = saved(learned_model(scaled_forest()), tmp_path)
    made = convert(native, tmp_path / "x.candle").path
    assert (made / "topology" / "model.onnx").read_bytes() == native.read_bytes()
    (restored,) = candle_spec.restore(made, tmp_path / "back.onnx")
    assert restored.path.read_bytes() == native.read_bytes()


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("a threshold", {"nodes_values": [0.5, 0.0, 0.0]}),
    ("a leaf", {"target_weights": [-1.25, 4.5]}),
    ("a feature", {"nodes_featureids": [0, 0, 0]}),
    ("a comparison", {"nodes_modes": ["BRANCH_LT", "LEAF", "LEAF"]}),
    ("a child", {"nodes_truenodeids": [2, 0, 0]}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("what", "change"), CHANGES, ids=[what for what, _ in CHANGES])
def test_other_trees_are_another_model(what: str, change: dict[str, Any], tmp_path: Path) -> None:
    digests = {}
    for name, made in (("one", scaled_forest()), ("same", scaled_forest()), ("other", scaled_forest(**change))):
        (tmp_path / name).mkdir()
        native = saved(learned_model(made), tmp_path / name)
        digests[name] = convert(native, tmp_path / name / "x.candle").manifest["weights"]["content_digest"]
    assert digests["one"] == digests["same"] != digests["other"], what


def test_what_is_learned_and_what_is_not(tmp_path: Path) -> None:
    machine = learned(
        "SVMRegressor", output="s", coefficients=[1.0, -1.0], support_vectors=[0.5] * 4, rho=[0.25],
        kernel_params=[0.5, 0.0, 3.0], n_supports=2,
    )  # fmt: skip
    imputer = learned("Imputer", output="i", imputed_value_int64s=[3, 4])
    encoder = learned("LabelEncoder", output="e", keys_floats=[1.0, 2.0], values_floats=[0.0, 1.0])
    made = roles(learned_model([*scaled_forest(), machine, imputer, encoder], [SHAPE]), tmp_path)
    parameters = {name.rpartition(".")[2] for name, role in made.items() if role == "parameter"}
    assert parameters == {
        "offset", "scale", "nodes_values", "target_weights", "coefficients", "support_vectors", "rho",
        "imputed_value_int64s",
    }  # fmt: skip
    assert {role for name, role in made.items() if name.rpartition(".")[2] not in parameters} == {"constant"}


def test_integers_are_weights_only_where_they_are_quantised(tmp_path: Path) -> None:
    integers = [
        helper.make_tensor("bias", TensorProto.INT32, [2], [1, 2]),
        helper.make_tensor("places", TensorProto.INT32, [2], [0, 1]),
        helper.make_tensor("w8", TensorProto.INT8, [2], [1, 2]),
        SHAPE,
    ]
    nodes = [
        helper.make_node("DequantizeLinear", ["bias", "w"], ["b"]),
        helper.make_node("Gather", ["w", "places"], ["g"]),
        helper.make_node("DequantizeLinear", ["w8", "w"], ["c"]),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    made = roles(dense_model(*integers, nodes=nodes), tmp_path)
    assert made == {"w": "", "bias": "", "places": "constant", "w8": "", "shape": "constant"}


def test_running_means_are_buffers(tmp_path: Path) -> None:
    arrays = [numpy_helper.from_array(np.ones(6, "f4"), name) for name in ("gain", "shift", "mean", "variance")]
    node = helper.make_node("BatchNormalization", ["x", "gain", "shift", "mean", "variance"], ["y"])
    made = roles(dense_model(*arrays, nodes=[node]), tmp_path)
    assert made == {"w": "", "gain": "", "shift": "", "mean": "buffer", "variance": "buffer"}


def constant(output: str, **value: Any) -> Any:
    return helper.make_node("Constant", [], [output], **value)


def test_every_form_of_a_constant(tmp_path: Path) -> None:
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.array([2.5], "f4"), "s"), numpy_helper.from_array(np.array([3]), "i"), [4]
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        constant("a", value_float=0.5),
        constant("b", value_floats=[0.5, 1.5]),
        constant("c", value_int=-7),
        constant("d", value_ints=[1, -1]),
        constant("e", value_string="TP53"),
        constant("f", value_strings=["TP53", "β"]),
        constant("g", value=numpy_helper.from_array(np.ones(3, "f4"), "w")),
        constant("h", sparse_value=sparse),
    ]
    found = converted(dense_model(nodes=nodes), tmp_path)
    shown = {
        name: (array.shape, array.tolist()) for name, array in found.items() if name != "w" and "sparse" not in name
    }
    assert shown == {
        "Constant_1.value_float": ((), 0.5),
        "Constant_2.value_floats": ((2,), [0.5, 1.5]),
        "Constant_3.value_int": ((), -7),
        "Constant_4.value_ints": ((2,), [1, -1]),
        "Constant_5.value_string": ((), "TP53"),
        "Constant_6.value_strings": ((2,), ["TP53", "β"]),
        "Constant_7.value": ((3,), [1.0, 1.0, 1.0]),
    }
    assert found["Constant_8.sparse_value"].shape == (4,)


def test_settings_are_no_weights(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 1, 3]),
        helper.make_node("LSTM", ["t", "w", "w"], ["l"], activation_alpha=[0.5, 1.0], hidden_size=2),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    assert names(dense_model(nodes=nodes), tmp_path) == ["w"]


def test_a_list_of_any_operator_that_is_too_long_for_a_setting_is_data(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Anchors", ["x"], ["y"], domain="org.lab", boxes=[0.5] * 33, ratios=[0.5, 1.0, 2.0]),
        helper.make_node("Split", ["x"], ["a", "b"], split=[2, 2]),
    ]
    assert names(dense_model(nodes=nodes), tmp_path) == ["Anchors_0.boxes", "w"]


def test_vocabularies(tmp_path: Path) -> None:
    node = helper.make_node(
        "TfIdfVectorizer", ["x"], ["y"], mode="TF", ngram_counts=[0], ngram_indexes=[0, 1], weights=[0.5, 1.5],
        pool_strings=["aa", "b"], max_gram_length=1, min_gram_length=1, max_skip_count=0,
    )  # fmt: skip
    found = converted(dense_model(nodes=[node]), tmp_path)
    assert found["TfIdfVectorizer_0.pool_strings"].tolist() == ["aa", "b"]
    assert found["TfIdfVectorizer_0.weights"].tolist() == [0.5, 1.5]
    assert roles(dense_model(nodes=[node]), tmp_path)["TfIdfVectorizer_0.weights"] == "parameter"


def test_values_that_are_tensors(tmp_path: Path) -> None:
    values = numpy_helper.from_array(np.array([0.25, 0.0, 0.0]), "v")
    node = forest(nodes_values_as_tensor=values)
    found = converted(learned_model([node]), tmp_path)
    assert found["TreeEnsembleRegressor_0.nodes_values_as_tensor"].tolist() == [0.25, 0.0, 0.0]
    assert found["TreeEnsembleRegressor_0.nodes_values_as_tensor"].dtype == np.float64
    several = learned("Own", tables=[values, values])
    assert names(learned_model([several]), tmp_path) == ["Own_0.tables_0", "Own_0.tables_1"]


def test_names_are_of_the_nodes_and_unique(tmp_path: Path) -> None:
    def scaler(name: str, output: str) -> Any:
        return learned("Scaler", name, output=output, offset=[1.0], scale=[2.0])

    taken = numpy_helper.from_array(np.ones(1, "f4"), "same.scale")
    found = names(learned_model([scaler("same", "a"), scaler("same", "b"), scaler("", "y")], [taken]), tmp_path)
    assert found == [
        "same.offset", "same.scale#2", "same.offset#2", "same.scale#3", "Scaler_2.offset", "Scaler_2.scale",
        "same.scale",
    ]  # fmt: skip


def test_graphs_within_graphs_and_functions(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info("s", TensorProto.FLOAT, [None])]
    scaler = learned("Scaler", output="s", offset=[1.0], scale=[2.0])
    branch = helper.make_graph([scaler], "b", [], ends)
    function = helper.make_function("own", "Scaled", ["x"], ["s"], [scaler], [helper.make_opsetid("ai.onnx.ml", 3)])
    nodes = [
        helper.make_node("If", ["flag"], ["a"], name="choose", then_branch=branch, else_branch=branch),
        helper.make_node("Scaled", ["x"], ["y"], domain="own"),
    ]
    found = names(learned_model(nodes, functions=[function]), tmp_path)
    assert found == [
        f"{folder}Scaler_0.{name}"
        for folder in ("choose.else_branch/", "choose.then_branch/", "functions/own/Scaled/")
        for name in ("offset", "scale")
    ]


def test_a_file_of_strangers(tmp_path: Path) -> None:
    """What ONNX Runtime ships: a logistic regression that scikit-learn fitted."""
    from onnxruntime.datasets import get_example

    native = Path(get_example("logreg_iris.onnx"))
    result = convert(native, tmp_path / "x.candle")
    found = candle_spec.load(result.path).state_dict(framework="numpy")
    (node,) = (node for node in onnx.load(native).graph.node if node.op_type == "LinearClassifier")
    values = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    assert found["LinearClassifier.coefficients"].tolist() == values["coefficients"]
    assert found["LinearClassifier.intercepts"].tolist() == values["intercepts"]
    (restored,) = candle_spec.restore(result.path, tmp_path / "back.onnx")
    assert restored.path.read_bytes() == native.read_bytes()
