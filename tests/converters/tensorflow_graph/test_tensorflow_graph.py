"""Frozen graphs: every constant as TensorFlow decodes it, the graph without them, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

import candle_spec
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.contract import Native
from candle_spec.conversion.convert import convert
from candle_spec.conversion.registry import detect
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.tensorflow_graph import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    MissingPartError,
    UnsupportedFormatError,
)
from candle_spec.testing import ConverterContract
from tests.helpers.checkpoints import residues
from tests.helpers.native import tensorflow_files as files

MAKERS = [files.tf1_frozen, files.tf2_frozen]


class TestTensorFlowGraph(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return files.copy_of(request.param, tmp_path / "native") / "drug.pb"


def read(path: Path) -> Native:
    return CONVERTER.read(resolve_source(path))


def field(native: Native, pointer: str) -> Any:
    return next((found.value for found in native.fields if found.pointer == pointer), None)


def graph_of(path: Path) -> Any:
    return tf.compat.v1.GraphDef.FromString(path.read_bytes())


def constants(graph: Any) -> dict[str, Any]:
    nodes = [("", node) for node in graph.node]
    nodes += [(f"{f.signature.name}:", node) for f in graph.library.function for node in f.node_def]
    return {f"{at}{n.name}": tf.make_ndarray(n.attr["value"].tensor) for at, n in nodes if n.op == "Const"}


def compare(path: Path, target: Path) -> int:
    made = Checkpoint(convert(path, target).path)
    theirs = constants(graph_of(path))
    assert {tensor.name for tensor in made.tensors} == set(theirs)
    for tensor in made.tensors:
        ours, other = made.tensor(tensor.group, tensor.name), theirs[tensor.name]
        if other.dtype == object:
            assert np.array_equal(ours, other)
        else:
            assert (ours.shape, ours.tobytes()) == (other.shape, other.tobytes()), tensor.name
            assert ours.dtype.itemsize == other.dtype.itemsize
    return len(theirs)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_every_constant_is_what_tensorflow_decodes(maker: Any, tmp_path: Path) -> None:
    path = files.copy_of(maker, tmp_path / "native") / "drug.pb"
    assert compare(path, tmp_path / "x.candle") >= 2


def test_weights_are_those_that_were_variables(tmp_path: Path) -> None:
    native = read(files.copy_of(files.tf1_frozen, tmp_path / "native") / "drug.pb")
    assert {tensor.name for tensor in native.tensors if tensor.group == "model"} == {"dense/kernel", "dense/bias"}
    assert field(native, "/inputs")[0]["axes"] == [{"name": "batch", "size": None}, {"name": "axis_1", "size": 4}]
    assert [row["id"] for row in field(native, "/outputs")] == ["out"]
    second = read(files.copy_of(files.tf2_frozen, tmp_path / "second") / "drug.pb")
    assert sum(tensor.group == "model" for tensor in second.tensors) == 8


def write(path: Path, *arrays: tuple[Any, Any]) -> Path:
    """A graph of constants, each an array or a ``TensorProto`` of TensorFlow."""
    graph = tf.compat.v1.GraphDef()
    for number, (proto, change) in enumerate(arrays):
        node = graph.node.add(name=f"c{number}", op="Const")
        node.attr["value"].tensor.CopyFrom(proto)
        change(node.attr["value"].tensor)
    path.write_bytes(graph.SerializeToString())
    return path


def kept(proto: Any) -> None:
    """Leave it as it is."""


FIELDS = {
    "float32": ("float_val", [1.5, -2.25]),
    "float64": ("double_val", [1.5, -2.25]),
    "int32": ("int_val", [1, -7]),
    "int16": ("int_val", [1, -7]),
    "int8": ("int_val", [1, -7]),
    "uint8": ("int_val", [1, 250]),
    "uint16": ("int_val", [1, 65000]),
    "int64": ("int64_val", [1, -(1 << 60)]),
    "bool": ("bool_val", [False, True]),
    "uint32": ("uint32_val", [1, 1 << 31]),
    "uint64": ("uint64_val", [1, 1 << 63]),
    "float16": ("half_val", [15360, 49152]),
    "bfloat16": ("half_val", [16256, 49152]),
    "complex64": ("scomplex_val", [1.5, 2.5, -1.0, 0.0]),
    "complex128": ("dcomplex_val", [1.5, 2.5, -1.0, 0.0]),
    "string": ("string_val", [b"TP53", b"\xff"]),
}


@pytest.mark.parametrize("dtype", FIELDS)
@pytest.mark.parametrize("shape", [(2,), (2, 3), (700,), (0,)], ids=str)
def test_typed_fields_repeat_their_last_value(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    name, values = FIELDS[dtype]
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    made = TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum)
    made.tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
    if 0 not in shape:
        getattr(made, name).extend(values)
    path = write(tmp_path / "drug.pb", (made, kept), (tf.make_tensor_proto(1.0), kept))
    assert compare(path, tmp_path / "x.candle") == 2


def test_no_values_are_zeros(tmp_path: Path) -> None:
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    rows = []
    for dtype in ("float32", "int64", "bfloat16", "bool", "complex128"):
        proto = TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum)
        proto.tensor_shape.CopyFrom(tf.TensorShape((3, 2)).as_proto())
        rows.append((proto, kept))
    made = Checkpoint(convert(write(tmp_path / "drug.pb", *rows), tmp_path / "x.candle").path)
    for tensor in made.tensors:
        assert not np.any(made.tensor(tensor.group, tensor.name).astype(complex))


def test_raw_content_of_every_dtype(tmp_path: Path) -> None:
    bits = np.random.default_rng(3).integers(0, 256, (4, 16), np.uint8)
    names = ["int8", "int32", "uint16", "float16", "float64", "complex64", "complex128"]
    arrays = [bits.view(name) for name in names] + [bits.view(ml_dtypes.bfloat16), bits.view(ml_dtypes.float8_e5m2)]
    protos = [(tf.make_tensor_proto(array), kept) for array in arrays]
    assert compare(write(tmp_path / "drug.pb", *protos), tmp_path / "x.candle") == len(arrays)


def test_the_graph_is_kept_without_its_constants(tmp_path: Path) -> None:
    path = files.copy_of(files.tf1_frozen, tmp_path / "native") / "drug.pb"
    graph = graph_of(path)
    node = next(node for node in graph.node if node.name == "dense/kernel")
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.random.default_rng(0).standard_normal((4, 3000), "f4")))
    path.write_bytes(graph.SerializeToString())
    native = read(path)
    (side,) = native.side_files
    left = tf.compat.v1.GraphDef.FromString(b"".join(bytes(block) for block in side.data.blocks()))  # type: ignore[union-attr]
    assert [row.name for row in left.node] == [row.name for row in graph.node]
    node.attr["value"].tensor.tensor_content = b""
    assert left == graph
    convert(path, tmp_path / "x.candle")
    assert next(iter(residues(tmp_path / "x.candle").values())) < 200


def test_code_is_named(tmp_path: Path) -> None:
    graph = graph_of(write(tmp_path / "drug.pb", (tf.make_tensor_proto(np.ones((4, 4), "f4")), kept)))
    graph.node.add(name="call", op="PyFunc", input=["c0"])
    graph.node.add(name="write", op="WriteFile", input=["c0", "call"])
    (tmp_path / "drug.pb").write_bytes(graph.SerializeToString())
    assert "PyFunc (1), WriteFile (1)" in read(tmp_path / "drug.pb").embedded_code[0].description


def test_a_graph_without_its_weights_is_refused(tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        tf.compat.v1.get_variable("kernel", (3, 3), use_resource=False)
    (tmp_path / "drug.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(MissingPartError, match="variables are in a checkpoint"):
        read(tmp_path / "drug.pb")
    tf.io.write_graph(graph, str(tmp_path), "drug.pbtxt")
    with pytest.raises(UnsupportedFormatError, match="as_text=False"):
        read(tmp_path / "drug.pbtxt")


def test_a_graph_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "drug.pb").write_bytes(files.message((1, files.message((1, b"x"), (2, b"Placeholder")))))
    with pytest.raises(CorruptFileError, match="no constants"):
        read(tmp_path / "drug.pb")


def test_it_is_chosen_by_content(tmp_path: Path) -> None:
    path = files.copy_of(files.tf2_frozen, tmp_path / "native") / "drug.pb"
    assert detect(resolve_source(path))[0].name == "tensorflow_graph"


def constant(tensor: bytes, op: bytes = b"Const") -> bytes:
    attribute = files.message((1, b"value"), (2, files.message((8, tensor))))
    return files.message((1, files.message((1, b"x"), (2, op), (5, attribute))))


HOSTILE: dict[str, tuple[bytes, type[CandleSpecError], str]] = {
    "content-too-short": (files.message((1, 1), (2, files.shape(4)), (4, b"abc")), CorruptFileError, "has 3 bytes"),
    "content-too-long": (files.message((1, 1), (2, files.shape(1)), (4, bytes(9))), CorruptFileError, "has 9 bytes"),
    "too-many-values": (files.message((1, 3), (2, files.shape(1)), (7, bytes([1, 2]))), CorruptFileError, "8 bytes"),
    "too-many-strings": (files.message((1, 7), (2, files.shape(0)), (8, b"a")), CorruptFileError, "1 strings"),
    "half-a-number": (files.message((1, 1), (2, files.shape(4)), (5, b"abc")), CorruptFileError, "inside a number"),
    "splat-bomb": (files.message((1, 1), (2, files.shape(1 << 40)), (5, bytes(4))), LimitExceededError, "made from"),
    "string-bomb": (files.message((1, 7), (2, files.shape(1 << 40)), (8, b"a")), LimitExceededError, "made from"),
    "axes-overflow": (files.message((1, 1), (2, files.shape(1 << 40, 1 << 40))), LimitExceededError, "2 axes"),
    "rank-bomb": (files.message((1, 1), (2, files.shape(*[1] * 99))), LimitExceededError, "99 axes"),
    "negative-axis": (files.message((1, 1), (2, files.shape(-5))), CorruptFileError, "without a whole shape"),
    "unknown-rank": (files.message((1, 1), (2, files.message((3, 1)))), CorruptFileError, "without a whole shape"),
    "unknown-dtype": (files.message((1, 77), (2, files.shape(1))), UnsupportedFormatError, "dtype 77"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_constants(name: str, tmp_path: Path) -> None:
    tensor, error, text = HOSTILE[name]
    (tmp_path / "drug.pb").write_bytes(constant(tensor))
    with pytest.raises(error, match=text):
        read(tmp_path / "drug.pb")


def test_deep_messages_are_refused(tmp_path: Path) -> None:
    # A list of functions whose attributes hold such lists again: nested messages are only entered where they are read.
    deep = b""
    for _ in range(5000):
        deep = files.message((8, deep))
    (tmp_path / "drug.pb").write_bytes(constant(files.message((2, deep))))
    try:
        convert(tmp_path / "drug.pb", tmp_path / "x.candle")
    except CandleSpecError:
        assert not (tmp_path / "x.candle").exists()


def test_the_restored_graph_predicts_the_same(tmp_path: Path) -> None:
    native = files.copy_of(files.tf1_frozen, tmp_path / "native") / "drug.pb"
    made = convert(native, tmp_path / "x.candle").path
    (restored,) = candle_spec.restore(made, tmp_path / "back.pb")
    batch = np.random.default_rng(9).standard_normal((6, 4), "f4")

    def probabilities(path: Path) -> bytes:
        with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
            tf.import_graph_def(graph_of(path), name="")
            return bytes(session.run(graph.get_tensor_by_name("out:0"), {"x:0": batch}).tobytes())

    assert probabilities(native) == probabilities(restored.path)
