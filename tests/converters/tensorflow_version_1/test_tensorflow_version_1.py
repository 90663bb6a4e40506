"""TensorFlow checkpoints of the first version: every tensor as TensorFlow reads it, hostile ones, refusals."""

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
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.tensorflow_version_1 import CONVERTER
from candle_spec.errors import CandleSpecError, CorruptFileError, UnsupportedFormatError
from candle_spec.testing import ConverterContract
from tests.helpers.native import tensorflow_files as files
from tests.helpers.native.tensorflow_files import message, shape, table


class TestTensorFlowVersion1(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["folder", "file"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        folder = files.copy_of(files.tf1_version_1, tmp_path / "native")
        return folder if request.param == "folder" else folder / "drug.ckpt"


def read(path: Path) -> Native:
    return CONVERTER.read(resolve_source(path))


def test_every_tensor_is_what_tensorflow_reads(tmp_path: Path) -> None:
    folder = files.copy_of(files.tf1_version_1, tmp_path / "native")
    reader = tf.train.load_checkpoint(str(folder / "drug.ckpt"))
    made = Checkpoint(convert(folder, tmp_path / "x.candle").path)
    found = {tensor.name: tensor for tensor in made.tensors if tensor.group != "other.constants"}
    assert set(found) == set(reader.get_variable_to_shape_map())
    for name, tensor in found.items():
        ours = made.tensor(tensor.group, name)
        # The reader does not read what is kept in pieces; the operation does.
        theirs = tf.raw_ops.Restore(file_pattern=str(folder / "drug.ckpt"), tensor_name=name, dt=ours.dtype).numpy()
        assert (ours.shape, ours.dtype, ours.tobytes()) == (theirs.shape, theirs.dtype, theirs.tobytes())


def test_every_dtype(tmp_path: Path) -> None:
    bits = np.random.default_rng(2).integers(0, 256, (4, 16), np.uint8)
    names = "float32 float64 int8 int16 int32 int64 uint8 uint16 complex64 complex128 float16".split()
    arrays: dict[str, Any] = {name: bits.view(name) for name in names}
    arrays |= {"bool": bits > 99, "empty": np.zeros((0, 3), "f4"), "words": np.array([b"TP53", b"\xff"], object)}
    tf.raw_ops.Save(filename=str(tmp_path / "drug"), tensor_names=list(arrays), data=[*arrays.values()])
    made = Checkpoint(convert(tmp_path / "drug", tmp_path / "x.candle").path)
    assert {tensor.name for tensor in made.tensors} == set(arrays)
    for name, array in arrays.items():
        ours = made.tensor("model", name)
        same = ours.tolist() == array.tolist() if name == "words" else ours.tobytes() == array.tobytes()
        assert same, name


def test_what_it_means(tmp_path: Path) -> None:
    native = read(files.copy_of(files.tf1_version_1, tmp_path / "native"))
    found = {tensor.name: tensor for tensor in native.tensors}
    assert found["dense/kernel/Adam"].group == "optimizer"
    assert found["dense/kernel"].role == "parameter"
    assert found["rows"].attributes["pieces"] == 3
    assert {field.pointer: field.value for field in native.fields}["/training_state/step"] == 1
    converter, detection = detect(native.source)
    assert (converter.name, detection.confidence) == ("tensorflow_version_1", 95)


def named(name: bytes, axes: tuple[int, ...], dtype: int = 1) -> bytes:
    about = message((1, name), (2, shape(*axes)), (3, dtype), (4, b""))
    return message((1, message((1, about))))


def slice_of(name: bytes, place: list[tuple[int, int]], numbers: bytes, field: int = 5) -> bytes:
    where = message(*((1, message((1, start), (2, length))) for start, length in place))
    return message((2, message((1, name), (2, where), (3, message((field, numbers))))))


DATA = np.arange(6, dtype="<f4").tobytes()

BAD: dict[str, tuple[bytes, bytes, type[CandleSpecError], str]] = {
    "no-such-tensor": (named(b"v", (6,)), slice_of(b"w", [(0, 6)], DATA), CorruptFileError, "does not fit the header"),
    "other-rank": (named(b"v", (6,)), slice_of(b"v", [(0, 3), (0, 2)], DATA), CorruptFileError, "does not fit"),
    "beyond": (named(b"v", (6,)), slice_of(b"v", [(1, 6)], DATA), CorruptFileError, "goes beyond"),
    "too-few": (named(b"v", (6,)), slice_of(b"v", [(0, 6)], DATA[:8]), CorruptFileError, "lacks numbers"),
    "too-many": (named(b"v", (6,)), slice_of(b"v", [(0, 6)], DATA * 2), CorruptFileError, "its shape 24"),
    "hole": (named(b"v", (8,)), slice_of(b"v", [(0, 6)], DATA), CorruptFileError, "leave"),
    "absent": (named(b"v", (6,)), message((3, b"")), CorruptFileError, "does not fit the header"),
    "resource": (named(b"v", (6,), 20), slice_of(b"v", [(0, 6)], DATA), UnsupportedFormatError, "is no tensor"),
    "unknown-dtype": (named(b"v", (6,), 99), slice_of(b"v", [(0, 6)], DATA), UnsupportedFormatError, "dtype 99"),
    "bomb": (named(b"v", (1 << 40,)), slice_of(b"v", [(0, 1 << 40)], DATA), CorruptFileError, "lacks numbers"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("packed", [False, True])
def test_hostile_tables(name: str, packed: bool, tmp_path: Path) -> None:
    header, value, error, text = BAD[name]
    (tmp_path / "drug").write_bytes(table([[(b"", header), (b"\x00v", value)]], packed=packed))
    with pytest.raises(error, match=text):
        convert(tmp_path / "drug", tmp_path / "x.candle")


def test_packed_tables_are_read(tmp_path: Path) -> None:
    rows = [[(b"", named(b"v", (2, 3))), (b"\x00v", slice_of(b"v", [(0, 2), (0, 3)], DATA))]]
    (tmp_path / "drug").write_bytes(table(rows, packed=True))
    made = Checkpoint(convert(tmp_path / "drug", tmp_path / "x.candle").path)
    assert np.array_equal(made.tensor("model", "v"), np.arange(6, dtype="f4").reshape(2, 3))


def test_several_and_shards_are_refused(tmp_path: Path) -> None:
    folder = files.copy_of(files.tf1_version_1, tmp_path / "native")
    data = (folder / "drug.ckpt").read_bytes()
    (folder / "other.ckpt").write_bytes(data)
    with pytest.raises(UnsupportedFormatError, match=r"drug\.ckpt, other\.ckpt"):
        read(folder)
    (tmp_path / "drug.ckpt-00000-of-00002").write_bytes(data)
    with pytest.raises(UnsupportedFormatError, match="shards are joined"):
        read(tmp_path / "drug.ckpt-00000-of-00002")
