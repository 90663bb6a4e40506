"""Core ML models: packages and single files as payloads, the arrays of the file of weights, damaged files."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.converters.coreml import CONVERTER
from candle_spec.errors import CandleSpecError, CorruptFileError, UnsupportedFormatError
from candle_spec.testing.contract import ConverterContract

ARRAYS = [np.arange(50, dtype="f4"), np.arange(33, dtype="f2"), np.arange(7, dtype="i1")]
CODES = {"float32": 2, "float16": 1, "int8": 4}


def blob(version: int = 2, sentinel: int = 0xDEADBEEF) -> bytes:
    """The file of weights, by hand: no package that writes it runs here."""
    data = bytearray(struct.pack("<II", len(ARRAYS), version).ljust(64, b"\0"))
    for array in ARRAYS:
        data += bytes(-len(data) % 64)
        offset = len(data) + 64
        data += struct.pack("<IIQQ", sentinel, CODES[array.dtype.name], array.nbytes, offset).ljust(64, b"\0")
        data += array.tobytes()
    return bytes(data)


def message() -> bytes:
    """A model of version 6 with a description and a program."""
    return b"\x08\x06" + b"\x12\x04\x0a\x02ab" + b"\xb2\x1f\x03\x08\x01\x00"


def package(path: Path, weights: bytes | None = None) -> Path:
    inner = path / "Data" / "com.apple.CoreML"
    (inner / "weights").mkdir(parents=True)
    (inner / "model.mlmodel").write_bytes(message())
    (inner / "weights" / "weight.bin").write_bytes(blob() if weights is None else weights)
    entries = {"1": {"path": "com.apple.CoreML/model.mlmodel"}}
    (path / "Manifest.json").write_text(json.dumps({"fileFormatVersion": "1.0.0", "itemInfoEntries": entries}))
    return path


class TestCoreML(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["package", "model"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        if request.param == "package":
            return package(tmp_path / "uno.mlpackage")
        (tmp_path / "uno.mlmodel").write_bytes(message())
        return tmp_path / "uno.mlmodel"

    @pytest.mark.slow
    def test_damaged_files_give_clear_errors(self, native: Path, tmp_path: Path) -> None:
        super().test_damaged_files_give_clear_errors(native, tmp_path)


def test_arrays_in_their_order(tmp_path: Path) -> None:
    made = convert(package(tmp_path / "uno.mlpackage"), tmp_path / "x.candle")
    found = candle_spec.load(made.path).state_dict("derived", framework="numpy")
    assert list(found) == ["blob_000", "blob_001", "blob_002"]
    for value, array in zip(found.values(), ARRAYS, strict=True):
        assert value.dtype == array.dtype
        assert value.tobytes() == array.tobytes()


def test_the_payload_is_the_package(tmp_path: Path) -> None:
    native = package(tmp_path / "uno.mlpackage")
    made = convert(native, tmp_path / "x.candle")
    for file in native.rglob("*"):
        if file.is_file():
            assert (made.path / "payload" / file.relative_to(native)).read_bytes() == file.read_bytes()
    roles = {entry["role"] for entry in made.manifest["weights"]["payload"]}
    assert roles == {"model", "description"}


@pytest.mark.parametrize(
    ("weights", "error"),
    [
        (blob(version=7), UnsupportedFormatError),
        (blob(sentinel=1), CorruptFileError),
        (blob()[:-3], CorruptFileError),
        (struct.pack("<II", 2**31, 2) + blob()[8:], CorruptFileError),
        (b"\x01", UnsupportedFormatError),
    ],
)
def test_damaged_weights(weights: bytes, error: type[CandleSpecError], tmp_path: Path) -> None:
    with pytest.raises(error):
        convert(package(tmp_path / "uno.mlpackage", weights), tmp_path / "x.candle")


@pytest.mark.parametrize("text", ['{"itemInfoEntries": []}', '{"itemInfoEntries"', '["itemInfoEntries"]'])
def test_damaged_manifests(text: str, tmp_path: Path) -> None:
    native = package(tmp_path / "uno.mlpackage")
    (native / "Manifest.json").write_text(text)
    with pytest.raises(CandleSpecError):
        convert(native, tmp_path / "x.candle")
