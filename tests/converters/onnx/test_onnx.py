"""ONNX models: every data type raw and typed, tensors wherever they stand, external data, damaged and hostile files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.converters.onnx import CONVERTER
from candle_spec.errors import CandleSpecError
from candle_spec.testing.contract import ConverterContract
from tests.helpers.native.onnx_models import W, dense_model, external, learned_model, scaled_forest


def typed(name: str, dtype: int, values: Any, shape: list[int] | None = None) -> Any:
    return helper.make_tensor(name, dtype, shape or [len(values)], values)


def branched() -> onnx.ModelProto:
    def branch(value: float) -> Any:
        constant = helper.make_node(
            "Constant", [], ["c"], value=numpy_helper.from_array(np.full(20, value, "f4"), "same")
        )
        return helper.make_graph([constant], "b", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, [20])])

    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("If", ["flag"], ["z"], name="choose", then_branch=branch(1.0), else_branch=branch(2.0)),
    ]
    return dense_model(typed("flag", TensorProto.BOOL, [True], [1]), nodes=nodes)


class TestOnnx(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["plain", "typed", "branched", "external", "forest"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        if request.param == "external":
            return external(tmp_path / "uno")
        path = tmp_path / "uno.onnx"
        half, integers = typed("h", TensorProto.FLOAT16, [1.0, 2.0]), typed("i", TensorProto.INT64, range(90))
        made = {"plain": dense_model(), "branched": branched(), "typed": dense_model(half, integers)}
        made["forest"] = learned_model(scaled_forest())
        onnx.save(made[request.param], path)
        return path


def converted(made: onnx.ModelProto, folder: Path) -> dict[str, Any]:
    onnx.save(made, folder / "m.onnx")
    return candle_spec.load(convert(folder / "m.onnx", folder / "x.candle").path).state_dict(framework="numpy")


@pytest.mark.parametrize(
    "dtype",
    "FLOAT DOUBLE FLOAT16 BFLOAT16 INT8 UINT8 INT16 UINT16 INT32 UINT32 INT64 UINT64 BOOL COMPLEX64 COMPLEX128 "
    "FLOAT8E4M3FN FLOAT8E5M2 FLOAT8E4M3FNUZ FLOAT8E5M2FNUZ".split(),
)
@pytest.mark.parametrize("raw", [False, True], ids=["typed", "raw"])
def test_every_data_type(dtype: str, raw: bool, tmp_path: Path) -> None:
    number = getattr(TensorProto, dtype)
    values: Any = [0, 1, 1, 0, 1, 0] if dtype == "BOOL" else [0, 1, 2, 3, 4, 5]
    if dtype.startswith(("INT", "FLOAT", "DOUBLE")) and "FNUZ" not in dtype:
        values = [0, 1, -2, 3, -4, 5]
    tensor = typed("t", number, values, [2, 3])
    if raw:
        array = numpy_helper.to_array(tensor)
        tensor = helper.make_tensor("t", number, [2, 3], array.tobytes(), raw=True)
    expected = numpy_helper.to_array(tensor)
    found = converted(dense_model(tensor), tmp_path)["t"]
    assert found.shape == (2, 3)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["INT4", "UINT4", "FLOAT4E2M1"])
def test_types_of_less_than_a_byte_stay_packed(dtype: str, tmp_path: Path) -> None:
    tensor = typed("t", getattr(TensorProto, dtype), [1, 2, 3, 4, 6], [5])
    raw = helper.make_tensor("r", getattr(TensorProto, dtype), [5], bytes([0x21, 0x43, 0x06]), raw=True)
    found = converted(dense_model(tensor, raw), tmp_path)
    for name, expected in (("t", numpy_helper.to_array(tensor)), ("r", numpy_helper.to_array(raw))):
        assert found[name].dtype == expected.dtype
        assert found[name].astype("f4").tolist() == expected.astype("f4").tolist()


@pytest.mark.parametrize("dtype", ["FLOAT4E2M1", "FLOAT6E2M3", "FLOAT6E3M2"])
@pytest.mark.parametrize("count", [4, 5, 8])
def test_small_floats_are_those_of_onnx(dtype: str, count: int, tmp_path: Path) -> None:
    """Plain where their bits are whole bytes, else packed; typed fields and raw bytes alike."""
    number, values = getattr(TensorProto, dtype), [1.0, -2.0, 0.5, 3.0, -1.5, 0.0, 4.0, -0.5][:count]
    fields = typed("t", number, values, [count])
    raw = numpy_helper.from_array(numpy_helper.to_array(fields), "r")
    found = converted(dense_model(fields, raw), tmp_path)
    for name in ("t", "r"):
        assert found[name].astype("f4").tolist() == values
    (native, *_) = tmp_path.glob("*.candle")
    entries = candle_spec.load(native).document["weights"]["tensors"]
    whole = count * (4 if dtype == "FLOAT4E2M1" else 6) % 8 == 0
    assert [entry.get("encoding", {"name": ""})["name"] for entry in entries if entry["name"] in "tr"] == [
        "" if whole else "packed"
    ] * 2


def test_strings(tmp_path: Path) -> None:
    found = converted(dense_model(typed("s", TensorProto.STRING, [b"TP53", "β".encode()], [2])), tmp_path)["s"]
    assert found.tolist() == ["TP53", "β"]


def test_empty_and_single(tmp_path: Path) -> None:
    arrays = {"empty": np.zeros((0, 3), "f4"), "one": np.array(2.5, "f8")}
    found = converted(dense_model(*(numpy_helper.from_array(value, name) for name, value in arrays.items())), tmp_path)
    for name, value in arrays.items():
        assert found[name].shape == value.shape
        assert found[name].tobytes() == value.tobytes()


def test_one_name_in_two_branches(tmp_path: Path) -> None:
    found = converted(branched(), tmp_path)
    assert found["choose.then_branch/Constant_0.value"].tolist() == [1.0] * 20
    assert found["choose.else_branch/Constant_0.value"].tolist() == [2.0] * 20
    assert len(found) == 4


def test_functions(tmp_path: Path) -> None:
    constant = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(W[0], "k"))
    function = helper.make_function(
        "own",
        "AddK",
        ["a"],
        ["b"],
        [constant, helper.make_node("Add", ["a", "c"], ["b"])],
        [helper.make_opsetid("", 17)],
    )
    made = dense_model(nodes=[helper.make_node("AddK", ["x"], ["y"], domain="own")])
    made.functions.append(function)
    onnx.save(made, tmp_path / "m.onnx")
    result = convert(tmp_path / "m.onnx", tmp_path / "x.candle")
    assert candle_spec.load(result.path).state_dict()["functions/own/AddK/Constant_0.value"].tolist() == W[0].tolist()
    assert not result.manifest["security"]["embedded_code"]


def test_operators_of_others_are_named(tmp_path: Path) -> None:
    secret = helper.make_node("Secret", ["x", "w"], ["y"], domain="com.stranger")
    onnx.save(dense_model(nodes=[secret]), tmp_path / "m.onnx")
    made = convert(tmp_path / "m.onnx", tmp_path / "x.candle").manifest
    said = {"kind": "custom-operator", "description": "operators of others: com.stranger"}
    assert made["security"]["embedded_code"] == [{"path": "topology/model.onnx", **said}]


@pytest.mark.parametrize("linear", [True, False])
def test_sparse(linear: bool, tmp_path: Path) -> None:
    places = np.array([1, 7]) if linear else np.array([[0, 1], [1, 3]])
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.array([2.5, 3.5], "f4"), "s"), numpy_helper.from_array(places, "i"), [2, 4]
    )
    found = converted(dense_model(sparse_initializer=[sparse]), tmp_path)["s"]
    assert found.shape == (2, 4)
    assert found.parts["indices"].tolist() == [[0, 1], [1, 3]]
    assert found.parts["values"].tolist() == [2.5, 3.5]


def test_shapes_that_do_not_fit(tmp_path: Path) -> None:
    for number, dims in enumerate(([5, 5], [-1], [2**62, 2**62], [0])):
        made = dense_model()
        del made.graph.initializer[0].dims[:]
        made.graph.initializer[0].dims.extend(dims)
        (tmp_path / f"{number}.onnx").write_bytes(made.SerializeToString())
        with pytest.raises(CandleSpecError):
            convert(tmp_path / f"{number}.onnx", tmp_path / "x.candle")


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, by hand: protobuf itself makes nothing so deep."""
    size, out = len(content), bytearray([number << 3 | 2])
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*out, size]) + content


def test_graphs_without_end(tmp_path: Path) -> None:
    graph = b""
    for _ in range(200):
        graph = field(1, field(4, b"If") + field(5, field(1, b"then") + field(6, graph)))
    (tmp_path / "m.onnx").write_bytes(b"\x08\x08" + field(2, b"tests") + field(7, graph))
    with pytest.raises(CandleSpecError, match="nested"):
        convert(tmp_path / "m.onnx", tmp_path / "x.candle")


def test_the_manifest_says_what_goes_in_and_out(tmp_path: Path) -> None:
    made = dense_model()
    made.metadata_props.add(key="threshold", value="0.5")
    onnx.save(made, tmp_path / "m.onnx")
    manifest = convert(tmp_path / "m.onnx", tmp_path / "x.candle").manifest
    assert manifest["name"] == "marker"
    assert manifest["inputs"][0]["id"] == "x"
    assert manifest["inputs"][0]["axes"] == [{"name": "batch", "size": None}, {"name": "axis1", "size": 4}]
    assert manifest["outputs"][0]["dtype"] == "F32"
    assert any("ai.onnx 17" in line for line in manifest["model"]["framework"]["evidence"])


def test_the_topology_is_the_graph_without_values(tmp_path: Path) -> None:
    onnx.save(dense_model(), tmp_path / "m.onnx")
    made = convert(tmp_path / "m.onnx", tmp_path / "x.candle")
    graph = onnx.load(made.path / "topology" / "model.onnx", load_external_data=False)
    assert [node.op_type for node in graph.graph.node] == ["MatMul"]
    assert graph.graph.initializer[0].name == "w"
    assert not graph.graph.initializer[0].raw_data
    assert sum(file["size"] for file in made.manifest["files"] if file["role"] == "residue") < 200


def test_the_restored_model_predicts_the_same(tmp_path: Path) -> None:
    onnx.save(dense_model(), tmp_path / "m.onnx")
    made = convert(tmp_path / "m.onnx", tmp_path / "x.candle").path
    (restored,) = candle_spec.restore(made, tmp_path / "back.onnx")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("f4")
    outputs = [
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0].tobytes()
        for path in (tmp_path / "m.onnx", restored.path)
    ]
    assert outputs[0] == outputs[1]
