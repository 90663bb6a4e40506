"""TensorFlow checkpoints: every tensor as TensorFlow reads it, what they mean, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.contract import Native
from candle_spec.conversion.convert import Options, convert
from candle_spec.conversion.registry import detect, recognise
from candle_spec.conversion.restore import restore
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.tensorflow_checkpoint import CONVERTER
from candle_spec.errors import MissingPartError, UnsupportedFormatError
from candle_spec.testing import ConverterContract
from tests.helpers.checkpoints import residues
from tests.helpers.native import tensorflow_files as files

MAKERS = [files.keras_3_objects, files.keras_2_weights, files.all_dtypes, files.tf1_saver]
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


class TestTensorFlowCheckpoint(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return files.copy_of(request.param, tmp_path / "native")


def read(folder: Path) -> Native:
    return CONVERTER.read(resolve_source(folder))


def prefix(folder: Path) -> str:
    (index,) = folder.glob("*.index")
    return str(index).removesuffix(".index")


def by_name(native: Native) -> dict[str, Any]:
    return {tensor.name: tensor for tensor in native.tensors}


def field(native: Native, pointer: str) -> Any:
    return next((found.value for found in native.fields if found.pointer == pointer), None)


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, bytes) or theirs.dtype == object:
        return bool(np.array_equal(ours, np.asarray(theirs, dtype=object).reshape(ours.shape)))
    alike = (ours.shape, ours.dtype.name) == (theirs.shape, theirs.dtype.name)
    return bool(alike and ours.tobytes() == theirs.tobytes())


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_every_tensor_is_what_tensorflow_reads(maker: Any, tmp_path: Path) -> None:
    folder = files.copy_of(maker, tmp_path / "native")
    reader = tf.train.load_checkpoint(prefix(folder))
    made = Checkpoint(convert(folder, tmp_path / "x.candle").path)
    found = {tensor.name: tensor for tensor in made.tensors if tensor.group != "other.constants"}
    assert set(found) == set(reader.get_variable_to_shape_map())
    for name, tensor in found.items():
        theirs = reader.get_tensor(name)
        assert same(made.tensor(tensor.group, name), theirs), name


def test_weights_that_are_filed_under_the_optimizer_belong_to_the_model(tmp_path: Path) -> None:
    native = read(files.copy_of(files.keras_3_objects, tmp_path / "native"))
    found = by_name(native)
    kernel = found[f"model/optimizer/_trainable_variables/0{VALUE}"]
    assert (kernel.group, kernel.role, kernel.label) == ("model", "parameter", "drug/dose/kernel")
    assert found[f"model/optimizer/_variables/2{VALUE}"].group == "optimizer"
    assert found[f"model/optimizer/_iterations{VALUE}"].group == "optimizer"
    assert found[f"save_counter{VALUE}"].group == "other"
    labels = {tensor.label for tensor in native.tensors if tensor.group == "model"}
    assert "drug/norm/moving_mean" in labels
    assert len(labels) == 8
    assert field(native, "/training_state/step") == 7
    assert field(native, "/training/optimizer")["name"] == "adam"


def test_slots_belong_to_the_optimizer_and_name_their_variable(tmp_path: Path) -> None:
    native = read(files.copy_of(files.keras_2_weights, tmp_path / "native"))
    found = by_name(native)
    owner = f"layer_with_weights-0/kernel{VALUE}"
    slot = found[f"layer_with_weights-0/kernel/.OPTIMIZER_SLOT/optimizer/m{VALUE}"]
    assert slot.group == "optimizer"
    assert (slot.attributes["slot_of"], slot.attributes["slot"]) == (owner, "m")
    assert (found[owner].group, found[owner].role, found[owner].label) == ("model", "parameter", "dose/kernel")
    optimizer = field(native, "/training/optimizer")
    assert optimizer["name"] == "Adam"
    assert set(optimizer["config"]) == {"beta_1", "beta_2", "decay", "learning_rate"}


def test_names_of_tensorflow_1(tmp_path: Path) -> None:
    native = read(files.copy_of(files.tf1_saver, tmp_path / "native"))
    groups = {name: tensor.group for name, tensor in by_name(native).items()}
    assert {name for name, group in groups.items() if group == "model"} == {
        "dense/kernel",
        "dense/bias",
        "rows",
        "columns",
    }
    assert groups["dense/kernel/Adam"] == groups["rows/Adam_1"] == groups["beta1_power"] == "optimizer"
    assert groups["dense/kernel/ExponentialMovingAverage"] == "ema"
    assert groups["global_step"] == "other"
    assert groups["table"] == "other.constants"
    assert by_name(native)["dense/bias"].role == "parameter"
    assert field(native, "/training_state/step") == 1
    assert field(native, "/environment/packages") == {"tensorflow": tf.__version__}
    assert field(native, "/name") == "drug"


def test_pieces_along_the_first_axis_stay_where_they_are(tmp_path: Path) -> None:
    native = read(files.copy_of(files.tf1_saver, tmp_path / "native"))
    found = by_name(native)
    rows, columns = found["rows"], found["columns"]
    assert len(rows.parts[""].data.extents) == rows.attributes["pieces"] == 3
    assert columns.parts[""].data.extents == ()
    assert next(part for part in native.parts if part.what == "pieces").status == "transformed"


def test_the_residue_is_small(tmp_path: Path) -> None:
    folder = tmp_path / "native"
    folder.mkdir()
    tf.train.Checkpoint(weights=[tf.Variable(tf.random.normal((300, 300))) for _ in range(5)]).write(
        str(folder / "big")
    )
    made = convert(folder, tmp_path / "x.candle")
    by_file = residues(made.path)
    assert by_file["big.data-00000-of-00001"] < 64
    assert sum(by_file.values()) < 0.01 * 5 * 300 * 300 * 4


def test_several_shards(tmp_path: Path) -> None:
    folder = tmp_path / "native"
    folder.mkdir()
    values = [np.arange(5000, dtype="f4") + number for number in range(4)]
    names = [f"v{number}" for number in range(4)]
    with tf.device("cpu:0"):
        for number, (name, value) in enumerate(zip(names, values, strict=True)):
            tf.raw_ops.SaveV2(
                prefix=str(folder / f"part{number}"), tensor_names=[name], shape_and_slices=[""], tensors=[value]
            )
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[str(folder / f"part{number}") for number in range(4)],
        destination_prefix=str(folder / "drug"),
    )
    assert len(list(folder.glob("*.data-*"))) == 4
    made = Checkpoint(convert(folder, tmp_path / "x.candle").path)
    for name, value in zip(names, values, strict=True):
        assert np.array_equal(made.tensor("model", name), value)
    next(folder.glob("*.data-00002-*")).unlink()
    with pytest.raises(MissingPartError, match="data-00002-of-00004"):
        read(folder)


def test_an_index_alone_asks_for_its_folder(tmp_path: Path) -> None:
    folder = files.copy_of(files.tf1_saver, tmp_path / "native")
    index = next(folder.glob("*.index"))
    with pytest.raises(MissingPartError, match="--context"):
        read(index)
    native = CONVERTER.read(resolve_source(index, context=folder))
    assert [file.name for file in native.source.files] == [
        "drug.ckpt-12.data-00000-of-00001",
        "drug.ckpt-12.index",
        "drug.ckpt-12.meta",
    ]
    made = convert(index, tmp_path / "x.candle", Options(context=folder))
    assert not made.report.errors


def several(folder: Path) -> Path:
    for name in ("a-1", "a-2"):
        tf.train.Checkpoint(v=tf.Variable(tf.ones(40))).write(str(folder / name))
    return folder


def test_several_checkpoints_in_one_folder_are_listed(tmp_path: Path) -> None:
    folder = several(tmp_path)
    with pytest.raises(UnsupportedFormatError, match=r"2 checkpoints lie in this folder: a-1, a-2.*--recursive"):
        read(folder)
    (folder / "checkpoint").write_text('model_checkpoint_path: "gone-3"\n')
    with pytest.raises(UnsupportedFormatError):
        read(folder)


def test_the_newest_of_several_is_read_where_the_folder_says_which(tmp_path: Path) -> None:
    folder = several(tmp_path)
    (folder / "checkpoint").write_text(
        'model_checkpoint_path: "/home/someone/a-2"\nall_model_checkpoint_paths: "/home/someone/a-2"\n'
        "all_model_checkpoint_timestamps: 1600000000.5\n"
    )
    native = read(folder)
    assert {file.name for file in native.source.files} == {"a-2.index", "a-2.data-00000-of-00001", "checkpoint"}
    dropped = next(part for part in native.parts if part.status == "dropped")
    assert "a-1" in dropped.reason
    assert native.format.written == "2020-09-13T12:26:40Z"


def test_other_files_are_kept_and_said(tmp_path: Path) -> None:
    folder = files.copy_of(files.keras_2_weights, tmp_path / "native")
    (folder / "notes.txt").write_text("trained on Tuesday\n")
    assert CONVERTER.detect(resolve_source(folder)).confidence == 70  # type: ignore[union-attr]
    part = next(part for part in read(folder).parts if part.what == "other files")
    assert part.status == "residue"
    assert "notes.txt" in part.reason


def test_it_is_chosen_by_content(tmp_path: Path) -> None:
    folder = files.copy_of(files.keras_2_weights, tmp_path / "native")
    converter, found = detect(resolve_source(folder))
    assert (converter.name, found.confidence) == ("tensorflow_checkpoint", 95)
    database = tmp_path / "000005.ldb"
    database.write_bytes(files.table([[(b"key", b"value")]]))
    assert recognise(resolve_source(database)) is None


def test_a_database_beside_shards_is_no_index(tmp_path: Path) -> None:
    folder = files.copy_of(files.keras_2_weights, tmp_path / "native")
    shutil.copy(next(folder.glob("*.data-*")), folder / "other.data-00000-of-00001")
    (folder / "other.index").write_bytes(files.table([[(b"key", b"value")]]))
    assert read(folder).tensors


def test_the_restored_session_predicts_the_same(tmp_path: Path) -> None:
    folder = files.copy_of(files.tf1_saver, tmp_path / "native")
    made = convert(folder, tmp_path / "x.candle").path
    restore(made, tmp_path / "restored")
    (found,) = (tmp_path / "restored").rglob("*.meta")
    batch = np.random.default_rng(9).standard_normal((6, 4), "f4")

    def probabilities(prefix: Path) -> bytes:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.compat.v1.train.import_meta_graph(f"{prefix}.meta").restore(session, str(prefix))
            return bytes(session.run("out:0", {"x:0": batch}).tobytes())

    (native,) = folder.rglob("*.meta")
    assert probabilities(native.with_suffix("")) == probabilities(found.with_suffix(""))
