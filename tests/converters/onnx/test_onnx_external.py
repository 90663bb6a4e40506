"""ONNX models whose values are in another file of their folder: found, and never sought elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.errors import CandleSpecError, CorruptFileError, MissingPartError, UnsafeContentError
from tests.helpers.native.onnx_models import external


def test_external_data(tmp_path: Path) -> None:
    made = convert(external(tmp_path / "uno"), tmp_path / "x.candle")
    found = candle_spec.load(made.path).state_dict()
    assert found["big"].tobytes() == np.arange(2000, dtype="f8").tobytes()
    assert {file["path"] for file in made.manifest["conversion"]["native"]["files"]} == {"m.onnx", "m.data"}
    with pytest.raises(MissingPartError, match="name the folder"):
        convert(tmp_path / "uno" / "m.onnx", tmp_path / "y.candle")


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "sub/../../secret", "..\\secret", "C:/secret", ""])
def test_external_data_elsewhere(location: str, tmp_path: Path) -> None:
    folder = external(tmp_path / "uno")
    (tmp_path / "secret").write_bytes(bytes(16000))
    made = onnx.load(folder / "m.onnx", load_external_data=False)
    tensor = next(each for each in made.graph.initializer if each.name == "big")
    next(entry for entry in tensor.external_data if entry.key == "location").value = location
    onnx.save(made, folder / "m.onnx")
    with pytest.raises((UnsafeContentError, CandleSpecError)):
        convert(folder, tmp_path / "x.candle")
    assert not (tmp_path / "x.candle").exists()


def test_external_data_behind_a_link(tmp_path: Path) -> None:
    folder = external(tmp_path / "uno")
    os.rename(folder / "m.data", tmp_path / "secret")
    (folder / "m.data").symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafeContentError):
        convert(folder, tmp_path / "x.candle")


@pytest.mark.parametrize(
    ("key", "value"), [("offset", "999999999"), ("length", "1"), ("offset", "-8"), ("length", "9" * 30)]
)
def test_external_data_that_do_not_fit(key: str, value: str, tmp_path: Path) -> None:
    folder = external(tmp_path / "uno")
    made = onnx.load(folder / "m.onnx", load_external_data=False)
    tensor = next(each for each in made.graph.initializer if each.name == "big")
    entries = {entry.key: entry for entry in tensor.external_data}
    if key not in entries:
        tensor.external_data.add(key=key, value=value)
    else:
        entries[key].value = value
    onnx.save(made, folder / "m.onnx")
    with pytest.raises(CorruptFileError):
        convert(folder, tmp_path / "x.candle")


@pytest.mark.parametrize("length", ["0", "", None])
def test_the_shape_says_how_long_external_data_are(length: str | None, tmp_path: Path) -> None:
    """A writer may leave the length unset, as ONNX Runtime allows; other values stand behind these."""
    folder = external(tmp_path / "uno")
    made = onnx.load(folder / "m.onnx", load_external_data=False)
    tensor = next(each for each in made.graph.initializer if each.name == "big")
    kept = [(e.key, e.value) for e in tensor.external_data if e.key not in ("length", "checksum")]
    del tensor.external_data[:]
    for key, value in [*kept, *([] if length is None else [("length", length)])]:
        tensor.external_data.add(key=key, value=value)
    onnx.save(made, folder / "m.onnx")
    with (folder / "m.data").open("ab") as file:
        file.write(b"behind")
    native = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = convert(folder, tmp_path / "x.candle")
    assert candle_spec.load(result.path).state_dict()["big"].tobytes() == np.arange(2000, dtype="f8").tobytes()
    for restored in candle_spec.restore(result.path, tmp_path / "back"):
        assert restored.path.read_bytes() == native[restored.path.name]
