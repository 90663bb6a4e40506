"""SavedModels: variables and constants as TensorFlow reads them, signatures, assets, code that is named and not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.contract import Native
from candle_spec.conversion.convert import convert
from candle_spec.conversion.registry import detect
from candle_spec.conversion.restore import restore
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.tensorflow_savedmodel import CONVERTER
from candle_spec.errors import CorruptFileError, MissingPartError, UnsupportedFormatError
from candle_spec.testing import ConverterContract
from tests.helpers.checkpoints import residues
from tests.helpers.native import tensorflow_files as files

MAKERS = [files.keras_3_export, files.keras_2_saved_model, files.module_saved_model, files.tf1_saved_model]
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


class TestTensorFlowSavedModel(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return files.copy_of(request.param, tmp_path / "drug_response")


def read(folder: Path) -> Native:
    return CONVERTER.read(resolve_source(folder))


def by_name(native: Native) -> dict[str, Any]:
    return {tensor.name: tensor for tensor in native.tensors}


def field(native: Native, pointer: str) -> Any:
    return next((found.value for found in native.fields if found.pointer == pointer), None)


def constants(folder: Path) -> dict[str, Any]:
    """All large constants of the graph and its functions, as TensorFlow decodes them."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph = model.meta_graphs[0].graph_def
    nodes = [("", node) for node in graph.node]
    nodes += [(f"{f.signature.name}:", node) for f in graph.library.function for node in f.node_def]
    found = {f"{at}{n.name}": tf.make_ndarray(n.attr["value"].tensor) for at, n in nodes if n.op == "Const"}
    return {name: value for name, value in found.items() if value.dtype != object and value.nbytes >= 1024}


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_every_tensor_is_what_tensorflow_reads(maker: Any, tmp_path: Path) -> None:
    folder = files.copy_of(maker, tmp_path / "native")
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    made = Checkpoint(convert(folder, tmp_path / "x.candle").path)
    found = {tensor.name: tensor for tensor in made.tensors if tensor.group != "other.constants"}
    assert set(found) == set(reader.get_variable_to_shape_map())
    for name, tensor in found.items():
        ours, theirs = made.tensor(tensor.group, name), reader.get_tensor(name)
        if isinstance(theirs, bytes):
            assert ours.item() == theirs
        else:
            assert (ours.shape, ours.dtype, ours.tobytes()) == (theirs.shape, theirs.dtype, theirs.tobytes())
    large = constants(folder)
    stored = {tensor.name for tensor in made.tensors if tensor.group == "other.constants"}
    assert stored <= set(large)
    for name in stored:
        assert made.tensor("other.constants", name).tobytes() == large[name].tobytes()


def test_the_restored_folder_serves(tmp_path: Path) -> None:
    folder = files.copy_of(files.keras_3_export, tmp_path / "native")
    made = convert(folder, tmp_path / "x.candle").path
    restore(made, tmp_path / "restored")
    (found,) = (tmp_path / "restored").rglob("saved_model.pb")
    batch = tf.constant(np.random.default_rng(9).standard_normal((6, 4), "f4"))
    first, second = tf.saved_model.load(str(folder)), tf.saved_model.load(str(found.parent))
    one, two = first.serve(batch).numpy(), second.serve(batch).numpy()
    assert one.tobytes() == two.tobytes()


def test_variables_that_are_there_twice_are_stored_once(tmp_path: Path) -> None:
    folder = files.copy_of(files.keras_3_export, tmp_path / "native")
    native = read(folder)
    found = by_name(native)
    copies = {name: tensor for name, tensor in found.items() if name.startswith("_all_variables/")}
    assert len(copies) == 8
    for copy in copies.values():
        owner = found[copy.alias_of[1]]
        assert (copy.alias_of[0], owner.label, owner.shape) == ("model", copy.label, copy.shape)
    assert len(found[f"variables/0{VALUE}"].parts[""].data.extents) == 2
    convert(folder, tmp_path / "x.candle")
    residue = next(size for name, size in residues(tmp_path / "x.candle").items() if name.endswith("00001"))
    assert residue < 200


def test_roles_are_those_of_the_graph(tmp_path: Path) -> None:
    found = by_name(read(files.copy_of(files.keras_3_export, tmp_path / "a")))
    roles = {tensor.label: tensor.role for name, tensor in found.items() if name.startswith("variables/")}
    assert roles["drug/dose/kernel"] == "parameter"
    assert roles["drug/norm/moving_mean"] == "buffer"
    module = by_name(read(files.copy_of(files.module_saved_model, tmp_path / "b")))
    assert module[f"kernel{VALUE}"].role == "parameter"
    assert module[f"fixed{VALUE}"].role == "buffer"


def test_signatures_are_inputs_and_outputs(tmp_path: Path) -> None:
    native = read(files.copy_of(files.keras_2_saved_model, tmp_path / "native"))
    axes = [{"name": "batch", "size": None}, {"name": "axis_1", "size": 4}]
    assert field(native, "/inputs") == [{"id": "genes", "kind": "tensor", "dtype": "F32", "axes": axes}]
    assert field(native, "/outputs")[0]["axes"][1]["size"] == 1
    assert native.format.framework_version == tf.__version__
    assert field(native, "/environment/packages") == {"tensorflow": tf.__version__}


def test_what_keras_2_adds(tmp_path: Path) -> None:
    native = read(files.copy_of(files.keras_2_saved_model, tmp_path / "native"))
    assert [row["kind"] for row in field(native, "/model/topology")] == ["saved-model", "keras-config"]
    assert field(native, "/model/architecture_family") == "sequential"
    assert field(native, "/training/loss") == "mse"
    assert {group.kind for group in native.groups} >= {"model", "optimizer", "metric"}
    assert any(side.path == "topology/model.json" for side in native.side_files)


def test_assets_are_kept_and_code_is_named(tmp_path: Path) -> None:
    native = read(files.copy_of(files.module_saved_model, tmp_path / "native"))
    assert [side.path for side in native.side_files if side.role == "artifact"] == ["artifacts/assets/genes.txt"]
    assert len(native.embedded_code) == 1
    code = native.embedded_code[0]
    assert (code.kind, code.path) == ("graph-operator", "topology/without-constants-saved_model.pb")
    assert "ReadFile (1)" in code.description
    assert "PyFunc (1)" in code.description
    assert "InitializeTableFromTextFileV2" in code.description
    assert "SaveV2" not in code.description
    assert "other.constants" in {tensor.group for tensor in native.tensors}


@pytest.mark.parametrize("maker", [files.keras_3_export, files.tf1_saved_model], ids=lambda maker: maker.__name__)
def test_a_saver_is_no_code_of_the_authors(maker: Any, tmp_path: Path) -> None:
    assert read(files.copy_of(maker, tmp_path / "native")).embedded_code == []


def test_a_saver_that_something_else_calls_is_named(tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    folder = files.copy_of(files.tf1_saved_model, tmp_path / "native")
    model = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph = model.meta_graphs[0].graph_def
    saving = next(node.name for node in graph.node if node.op == "SaveV2")
    next(node for node in graph.node if node.name == "out").input.append(f"^{saving}")
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    assert "SaveV2" in read(folder).embedded_code[0].description


def test_a_graph_of_large_constants_is_kept_without_them(tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    folder = tmp_path / "native"
    module = tf.Module()
    table = tf.constant(np.random.default_rng(1).standard_normal((300, 300), "f4"))
    module.call = tf.function(lambda x: x @ table, input_signature=[tf.TensorSpec((None, 300), tf.float32)])
    tf.saved_model.save(module, str(folder))
    native = read(folder)
    (side,) = [side for side in native.side_files if side.role == "topology"]
    assert side.path == "topology/without-constants-saved_model.pb"
    assert side.size < 30_000
    assert side.size == sum(len(block) for block in side.data.blocks())  # type: ignore[union-attr]
    left = SavedModel.FromString(b"".join(bytes(block) for block in side.data.blocks()))  # type: ignore[union-attr]
    assert len(left.meta_graphs[0].graph_def.library.function) > 0
    convert(folder, tmp_path / "x.candle")
    sizes = residues(tmp_path / "x.candle")
    assert sizes["saved_model.pb"] < 200


def test_a_variable_is_never_lost_with_its_folder(tmp_path: Path) -> None:
    folder = files.copy_of(files.keras_3_export, tmp_path / "native")
    (folder / "variables" / "variables.index").unlink()
    with pytest.raises(MissingPartError, match=r"variables\.index is not there"):
        read(folder)
    with pytest.raises(MissingPartError, match="name the folder"):
        read(folder / "saved_model.pb")


def test_several_graphs_keep_their_constants_apart(tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    folder = files.copy_of(files.tf1_saved_model, tmp_path / "native")
    model = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    model.meta_graphs.add().CopyFrom(model.meta_graphs[0])
    model.meta_graphs[1].meta_info_def.tags[:] = ["train"]
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    names = {tensor.name for tensor in read(folder).tensors if tensor.group == "other.constants"}
    assert names == {"serve/table", "train/table"}


def test_the_folder_is_chosen_by_content(tmp_path: Path) -> None:
    folder = files.copy_of(files.keras_2_saved_model, tmp_path / "native")
    converter, found = detect(resolve_source(folder))
    assert (converter.name, found.confidence) == ("tensorflow_savedmodel", 98)
    (folder.parent / "notes.txt").write_text("x")
    assert CONVERTER.detect(resolve_source(tmp_path)) is None


def test_other_forms_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "native"
    folder.mkdir()
    (folder / "saved_model.pbtxt").write_text("saved_model_schema_version: 1\n")
    (folder / "notes.txt").write_text("x")
    with pytest.raises(UnsupportedFormatError, match="save it again"):
        read(folder)


def test_a_damaged_graph_is_named(tmp_path: Path) -> None:
    folder = files.copy_of(files.keras_3_export, tmp_path / "native")
    data = (folder / "saved_model.pb").read_bytes()
    (folder / "saved_model.pb").write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptFileError):
        read(folder)
    (folder / "saved_model.pb").write_bytes(files.message((1, 1)))
    with pytest.raises(CorruptFileError, match="holds no graph"):
        read(folder)


def test_an_asset_that_is_not_here_is_said(tmp_path: Path) -> None:
    folder = files.copy_of(files.module_saved_model, tmp_path / "native")
    (folder / "assets" / "genes.txt").unlink()
    part = next(part for part in read(folder).parts if part.what == "missing assets")
    assert (part.status, "genes.txt" in part.reason) == ("absent", True)
